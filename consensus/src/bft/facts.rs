//! What the core does at its edges.
