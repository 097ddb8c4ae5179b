//! The heart: what state a process is in, what happens next, and what must be done about it. Pure.
