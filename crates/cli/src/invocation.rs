//! The argument of `--invoke`: `name(args)` or `instance#name(args)`.

use anyhow::{Context, Result, ensure};
use wasm_wave::untyped::UntypedFuncCall;

/// A call as the user wrote it. The arguments are still without types.
pub(crate) struct Invocation {
    /// The exported instance that has the function, if it is in one.
    pub(crate) instance: Option<String>,
    /// The function's name.
    pub(crate) function: String,
    /// The arguments, as a call of a function named [`PLACEHOLDER`]: export names may have
    /// characters that WAVE has no room for.
    pub(crate) call: UntypedFuncCall<'static>,
}

/// What the function is called in [`Invocation::call`].
const PLACEHOLDER: &str = "f";

impl Invocation {
    /// Parses a call.
    ///
    /// # Errors
    /// If it has no name, no parentheses, or arguments that are not WAVE.
    pub(crate) fn parse(text: &str) -> Result<Invocation> {
        let text = text.trim();
        let (name, _) = text.split_once('(').with_context(|| {
            format!("`{text}` is no call: write `{text}()`, with the arguments in the parentheses")
        })?;
        let (instance, function) = match name.split_once('#') {
            Some((instance, function)) => (Some(instance.trim().to_owned()), function.trim()),
            None => (None, name.trim()),
        };
        ensure!(
            !function.is_empty() && instance.as_deref() != Some(""),
            "`{text}` names no function: write `name(…)` or `instance#name(…)`"
        );
        let arguments = format!("{PLACEHOLDER}{}", &text[name.len()..]);
        let call = UntypedFuncCall::parse(&arguments)
            .with_context(|| format!("can't parse the arguments of `{text}`"))?
            .into_owned();
        Ok(Invocation {
            instance,
            function: function.to_owned(),
            call,
        })
    }

    /// The name, with the instance if there is one.
    pub(crate) fn name(&self) -> String {
        match &self.instance {
            Some(instance) => format!("{instance}#{}", self.function),
            None => self.function.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> (Option<String>, String) {
        let invocation = Invocation::parse(text).unwrap();
        (invocation.instance, invocation.function)
    }

    #[test]
    fn a_function_may_be_in_an_instance() {
        assert_eq!(names("add(1, 2)"), (None, "add".to_owned()));
        assert_eq!(
            names("docs:calc/ops@1.0.0#add(1, 2)"),
            (Some("docs:calc/ops@1.0.0".to_owned()), "add".to_owned())
        );
        assert_eq!(
            names(" ops#add ()"),
            (Some("ops".to_owned()), "add".to_owned())
        );
    }

    #[test]
    fn core_names_may_be_odd() {
        assert_eq!(names("__odd.Name$(1)").1, "__odd.Name$");
    }

    #[test]
    fn a_hash_in_an_argument_is_no_instance() {
        assert_eq!(names("f(\"a#b\")"), (None, "f".to_owned()));
    }

    #[test]
    fn what_is_no_call_is_an_error() {
        for text in ["", "add", "(1)", "#f()", "i#()", "f(1", "f(1) g", "f(1,,2)"] {
            assert!(Invocation::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn damaged_calls_are_parsed_or_refused() {
        let calls = [
            r#"i:j/k@1.0.0#f(1, -2.5e3, "te\u{78}t", 'c', [1, 2], {a: 1, b: (2, 3)}, some(ok(x)))"#,
            "f({one, two}, %enum, inf, nan, true)",
        ];
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut below = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % bound as u64) as usize
        };
        let pieces = [
            "(", ")", "\"", "'", "\\", "\\u{", "[", "{", ",", ":", "#", "-", "\0", "\u{f8}",
        ];
        for _ in 0..20_000 {
            let mut text = calls[below(calls.len())].to_owned();
            for _ in 0..=below(4) {
                let at = below(text.len() + 1);
                if !text.is_char_boundary(at) {
                    continue;
                }
                match below(3) {
                    0 => text.truncate(at),
                    1 => text.insert_str(at, pieces[below(pieces.len())]),
                    _ if at < text.len() => drop(text.remove(at)),
                    _ => {}
                }
            }
            if let Err(error) = Invocation::parse(&text) {
                assert!(!format!("{error:#}").is_empty(), "{text}");
            }
        }
    }

    #[test]
    fn deep_arguments_are_no_stack_overflow() {
        let deep = |open: &str, close: &str| {
            Invocation::parse(&format!(
                "f({}1{})",
                open.repeat(100_000),
                close.repeat(100_000)
            ))
        };
        for (open, close) in [("[", "]"), ("(", ")"), ("some(", ")"), ("{a: ", "}")] {
            assert!(deep(open, close).is_err(), "{open}");
        }
    }
}
