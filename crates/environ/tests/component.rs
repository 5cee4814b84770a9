//! Components: what they are flattened to, what is refused, and what adapters do.

#[cfg(test)]
#[path = "component/adapters.rs"]
mod adapters;
#[cfg(test)]
#[path = "component/concurrency.rs"]
mod concurrency;
#[cfg(test)]
#[path = "component/expansion.rs"]
mod expansion;
#[cfg(test)]
#[path = "component/flattened.rs"]
mod flattened;
#[cfg(test)]
#[path = "component/machine.rs"]
mod machine;
#[cfg(test)]
#[path = "component/mutated.rs"]
mod mutated;
#[cfg(test)]
#[path = "component/nested.rs"]
mod nested;
#[cfg(test)]
#[path = "component/passing.rs"]
mod passing;
#[cfg(test)]
#[path = "component/program.rs"]
mod program;
#[cfg(test)]
#[path = "component/refused.rs"]
mod refused;
#[cfg(test)]
#[path = "component/strings.rs"]
mod strings;
#[cfg(test)]
#[path = "component/tasks.rs"]
mod tasks;
#[cfg(test)]
#[path = "component/values.rs"]
mod values;
