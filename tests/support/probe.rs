//! The misbehaving child of the tests.

fn main() {}
