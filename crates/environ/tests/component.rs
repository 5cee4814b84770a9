//! Components: what they are flattened to, what is refused, and what adapters do.

#[path = "component/adapters.rs"]
mod adapters;
#[path = "component/flattened.rs"]
mod flattened;
#[path = "component/machine.rs"]
mod machine;
#[path = "component/mutated.rs"]
mod mutated;
#[path = "component/program.rs"]
mod program;
#[path = "component/refused.rs"]
mod refused;
