//! Components with a function from one guest to another, for tests of what is passed.

use crate::machine::Machine;
use threadline_environ::module::ModuleTranslation;
use threadline_environ::{Features, Translation, TrapCode};
use wasmparser::{Validator, WasmFeatures};

/// A call from a caller to a callee.
pub(crate) struct Call<'a> {
    /// Names and definitions of types.
    pub(crate) named: &'a [(&'a str, &'a str)],
    /// Parameters and result, in which `$name` is a type of a name.
    pub(crate) signature: &'a str,
    /// Core types of the function lowered by the caller and of that lifted by the callee.
    pub(crate) cores: [&'a str; 2],
    pub(crate) encodings: [&'a str; 2],
    /// Whose memory is 64-bit.
    pub(crate) wide: [bool; 2],
}

impl Call<'_> {
    pub(crate) const PLAIN: Call<'static> = Call {
        named: &[],
        signature: "",
        cores: ["", ""],
        encodings: ["utf8", "utf8"],
        wide: [false, false],
    };

    fn wat(&self) -> String {
        let [mut exports, mut imports, mut with] = [String::new(), String::new(), String::new()];
        for (name, definition) in self.named {
            let inner = format!("(type ${name}' {definition})");
            exports += &format!(r#"{inner} (export ${name} "{name}" (type ${name}'))"#);
            imports += &format!(r#"{inner} (import "{name}" (type ${name} (eq ${name}')))"#);
            with += &format!(r#"(with "{name}" (type $callee "{name}"))"#);
        }
        let module = |who: usize| {
            let (address, pointer) = if self.wide[who] {
                ("i64", "i64")
            } else {
                ("", "i32")
            };
            format!(
                r#"(memory (export "memory") {address} 1)
                (func (export "realloc") (param {pointer} {pointer} {pointer} {pointer})
                    (result {pointer}) unreachable)"#
            )
        };
        let options = |who: usize| {
            format!(
                r#"(memory (core memory $m "memory")) (realloc (core func $m "realloc"))
                string-encoding={}"#,
                self.encodings[who]
            )
        };
        let Call {
            signature,
            cores: [lowered, lifted],
            ..
        } = self;
        let (caller, callee) = (module(0), module(1));
        let (lower, lift) = (options(0), options(1));
        format!(
            r#"(component
                (component $callee
                    {exports}
                    (core module $m {callee} (func (export "f") {lifted} unreachable))
                    (core instance $m (instantiate $m))
                    (func (export "f") {signature} (canon lift (core func $m "f") {lift})))
                (component $caller
                    {imports}
                    (import "f" (func $f {signature}))
                    (core module $m {caller})
                    (core instance $m (instantiate $m))
                    (core func $f (canon lower (func $f) {lower}))
                    (core module $n (import "" "f" (func {lowered})))
                    (core instance (instantiate $n (with "" (instance (export "f" (func $f)))))))
                (instance $callee (instantiate $callee))
                (instance (instantiate $caller {with} (with "f" (func $callee "f")))))"#
        )
    }

    /// Runs the adapter of the call.
    #[track_caller]
    pub(crate) fn run(&self, machine: &mut Machine, args: &[u64]) -> Result<Vec<u64>, TrapCode> {
        with_adapter(&self.wat(), |adapter| machine.run(adapter, args))
    }

    /// Looks at the adapter of the call.
    #[track_caller]
    pub(crate) fn look<R>(&self, f: impl FnOnce(&ModuleTranslation<'_>) -> R) -> R {
        with_adapter(&self.wat(), f)
    }
}

/// Gives the one adapter of a component, validated.
#[track_caller]
pub(crate) fn with_adapter<R>(wat: &str, f: impl FnOnce(&ModuleTranslation<'_>) -> R) -> R {
    let bytes = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"));
    let translation = match Translation::parse(&bytes, Features::default()) {
        Ok(translation) => translation,
        Err(error) => panic!("refused: {error}"),
    };
    let mut modules = translation.modules.values();
    let adapter = modules.find(|m| m.module.name.as_deref() == Some("adapter f"));
    let adapter = adapter.expect("there is an adapter");
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(&adapter.bytes)
        .unwrap();
    f(adapter)
}
