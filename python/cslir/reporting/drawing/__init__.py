"""Pictures by matplotlib, in one style."""
