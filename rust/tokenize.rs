//! Token byte spans over any script.
