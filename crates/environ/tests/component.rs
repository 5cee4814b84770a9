//! Components: what they are flattened to, what is refused, and adapters.

#[path = "component/adapters.rs"]
mod adapters;
#[path = "component/flattened.rs"]
mod flattened;
#[path = "component/mutated.rs"]
mod mutated;
#[path = "component/program.rs"]
mod program;
#[path = "component/refused.rs"]
mod refused;
