//! Bilingual lexicons: normalise, compile, look up (longest match).
