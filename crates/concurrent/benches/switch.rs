//! What a step of the scheduler costs.

fn main() {}
