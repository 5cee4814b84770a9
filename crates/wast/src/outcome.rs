//! What came of running something in a script, and how it compares with what was expected.

use crate::{component_value, core_value};
use anyhow::{Context, Error, Result, bail, ensure};
use threadline::{Exception, Store, Val, component, find_trap};
use wast::WastRet;

/// What came of a call, an instantiation or the reading of a global.
///
/// Whatever else can go wrong, as a missing export or an argument of the wrong type, is no
/// outcome but an error: no `assert_*` may be satisfied by it.
pub(crate) enum Outcome {
    /// Results of core wasm.
    Core(Vec<Val>),
    /// The result of a component's function.
    Component(Vec<component::Val>),
    /// The guest trapped.
    Trap(Error),
    /// The guest threw an exception and did not catch it.
    Exception(Error),
}

impl Outcome {
    /// Sorts an error into traps and exceptions, which are outcomes, and others.
    pub(crate) fn from_error(error: Error) -> Result<Outcome> {
        if find_trap(&error).is_some() {
            Ok(Outcome::Trap(error))
        } else if error.downcast_ref::<Exception>().is_some() {
            Ok(Outcome::Exception(error))
        } else {
            Err(error)
        }
    }

    /// Demands that nothing trapped.
    pub(crate) fn no_trap(self) -> Result<()> {
        match self {
            Outcome::Core(_) | Outcome::Component(_) => Ok(()),
            Outcome::Trap(error) => Err(error.context("trapped")),
            Outcome::Exception(error) => Err(error.context("threw an exception")),
        }
    }

    /// Demands these results.
    pub(crate) fn check_results(self, store: &Store<()>, expected: &[WastRet<'_>]) -> Result<()> {
        match self {
            Outcome::Trap(error) => Err(error.context("expected results, but it trapped")),
            Outcome::Exception(error) => {
                Err(error.context("expected results, but it threw an exception"))
            }
            Outcome::Core(actual) => {
                ensure_same_count(actual.len(), expected.len())?;
                for (i, (actual, expected)) in actual.iter().zip(expected).enumerate() {
                    let WastRet::Core(expected) = expected else {
                        bail!("result {i}: expected a component value, got a core value");
                    };
                    core_value::check(store, actual, expected)
                        .with_context(|| format!("result {i}"))?;
                }
                Ok(())
            }
            Outcome::Component(actual) => {
                ensure_same_count(actual.len(), expected.len())?;
                for (actual, expected) in actual.iter().zip(expected) {
                    component_value::check(actual, expected)?;
                }
                Ok(())
            }
        }
    }

    /// Demands a trap, and gives its reason.
    pub(crate) fn into_trap(self) -> Result<Error> {
        match self {
            Outcome::Trap(error) => Ok(error),
            other => bail!("expected a trap, got {}", other.describe()),
        }
    }

    /// Demands an exception that nothing caught.
    pub(crate) fn into_exception(self) -> Result<()> {
        match self {
            Outcome::Exception(_) => Ok(()),
            other => bail!("expected an exception, got {}", other.describe()),
        }
    }

    fn describe(&self) -> String {
        match self {
            Outcome::Trap(error) => format!("a trap: {error:#}"),
            Outcome::Exception(error) => format!("an exception: {error:#}"),
            Outcome::Core(values) => {
                let values: Vec<_> = values.iter().map(core_value::describe).collect();
                format!("[{}]", values.join(", "))
            }
            Outcome::Component(values) => format!("{values:?}"),
        }
    }
}

fn ensure_same_count(actual: usize, expected: usize) -> Result<()> {
    ensure!(
        actual == expected,
        "expected {expected} results, got {actual}"
    );
    Ok(())
}
