//! Components whose guests only write down the core values that they get, and give back those
//! that they were told to: what the values mean is left to the model.
//!
//! A guest's memory:
//!
//! ```text
//!      0  core values got, 8 bytes each
//!    256  core values to give, 8 bytes each
//!    512  where a lowered function's result goes, if it goes to memory
//!   2048  what `peek` returns
//!   4096  what values to give point to
//!  32768  what its `realloc` hands out
//! ```

use super::model::{Abi, Core, Encoding, Pointer};
use super::types::Ty;
use std::fmt::Write as _;

/// Where core values that a guest got are.
pub const GOT: usize = 0;
/// Where core values that a guest gives are.
pub const GIVEN: usize = 256;
/// Where results of lowered functions go.
pub const RESULT: u64 = 512;
/// Where what `peek` returns is.
const PEEKED: u64 = 2048;
/// Where what core values to give point to is.
pub const DATA: u64 = 4096;
/// The end of that.
pub const DATA_END: u64 = 32768;
/// Bytes of a guest's memory.
pub const MEMORY: usize = 131_072;

/// Core parameters at most before they go to memory.
pub const MAX_PARAMS: usize = 16;
/// Core results at most before they go to memory.
pub const MAX_RESULTS: usize = 1;

/// Where a component gets the types that have names from.
#[derive(Copy, Clone, PartialEq)]
enum Names {
    Imported,
    Exported,
}

/// Writes types: those that must have a name get one.
struct Types {
    names: Names,
    text: String,
    /// The names of the named types so far.
    named: Vec<String>,
}

impl Types {
    fn new(names: Names) -> Types {
        Types {
            names,
            text: String::new(),
            named: Vec::new(),
        }
    }

    /// How to refer to a type.
    fn refer(&mut self, ty: &Ty) -> String {
        let definition = match ty {
            Ty::Bool => return "bool".to_owned(),
            Ty::S8 => return "s8".to_owned(),
            Ty::U8 => return "u8".to_owned(),
            Ty::S16 => return "s16".to_owned(),
            Ty::U16 => return "u16".to_owned(),
            Ty::S32 => return "s32".to_owned(),
            Ty::U32 => return "u32".to_owned(),
            Ty::S64 => return "s64".to_owned(),
            Ty::U64 => return "u64".to_owned(),
            Ty::F32 => return "f32".to_owned(),
            Ty::F64 => return "f64".to_owned(),
            Ty::Char => return "char".to_owned(),
            Ty::String => return "string".to_owned(),
            Ty::List(element) => return format!("(list {})", self.refer(element)),
            Ty::FixedLengthList(element, length) => {
                return format!("(list {} {length})", self.refer(element));
            }
            Ty::Map(key, value) => {
                let (key, value) = (self.refer(key), self.refer(value));
                return format!("(map {key} {value})");
            }
            Ty::Tuple(elements) => {
                let elements: Vec<_> = elements.iter().map(|ty| self.refer(ty)).collect();
                return format!("(tuple {})", elements.join(" "));
            }
            Ty::Option(some) => return format!("(option {})", self.refer(some)),
            Ty::Result(ok, err) => {
                let ok = ok.as_ref().map_or(String::new(), |ty| self.refer(ty));
                let err = match err {
                    Some(ty) => format!("(error {})", self.refer(ty)),
                    None => String::new(),
                };
                return format!("(result {ok} {err})");
            }
            Ty::Record(fields) => {
                let mut text = "(record".to_owned();
                for (i, ty) in fields.iter().enumerate() {
                    write!(text, " (field \"f{i}\" {})", self.refer(ty)).unwrap();
                }
                text + ")"
            }
            Ty::Variant(cases) => {
                let mut text = "(variant".to_owned();
                for (i, payload) in cases.iter().enumerate() {
                    let payload = payload.as_ref().map_or(String::new(), |ty| self.refer(ty));
                    write!(text, " (case \"c{i}\" {payload})").unwrap();
                }
                text + ")"
            }
            Ty::Enum(count) => numbered("enum", "c", *count),
            Ty::Flags(count) => numbered("flags", "l", *count),
        };
        self.name(&definition)
    }

    fn name(&mut self, definition: &str) -> String {
        let name = format!("t{}", self.named.len());
        let text = &mut self.text;
        writeln!(text, "  (type $def-{name} {definition})").unwrap();
        match self.names {
            Names::Imported => {
                writeln!(
                    text,
                    "  (import \"{name}\" (type ${name} (eq $def-{name})))"
                )
                .unwrap();
            }
            Names::Exported => {
                writeln!(text, "  (export ${name} \"{name}\" (type $def-{name}))").unwrap();
            }
        }
        self.named.push(name.clone());
        format!("${name}")
    }
}

fn numbered(keyword: &str, prefix: &str, count: usize) -> String {
    let names = (0..count).fold(String::new(), |text, i| text + &format!(" \"{prefix}{i}\""));
    format!("({keyword}{names})")
}

/// A guest that the host calls and that calls the host, with functions of one type each way.
pub fn with_host(ty: &Ty, abi: Abi) -> String {
    format!("(component\n{})", caller(ty, abi, Names::Imported).1)
}

/// A guest that calls another.
pub fn with_guest(ty: &Ty, caller_abi: Abi, callee_abi: Abi) -> String {
    let callee = callee(ty, callee_abi);
    let (names, caller) = caller(ty, caller_abi, Names::Imported);
    let mut text = "(component\n".to_owned();
    writeln!(text, "(component $callee\n{callee})").unwrap();
    writeln!(text, "(component $caller\n{caller})").unwrap();
    writeln!(text, "(instance $callee (instantiate $callee))").unwrap();
    writeln!(text, "(instance $caller (instantiate $caller").unwrap();
    for name in names {
        writeln!(text, "  (with \"{name}\" (type $callee \"{name}\"))").unwrap();
    }
    text.push_str(
        "  (with \"take\" (func $callee \"take\"))
           (with \"give\" (func $callee \"give\"))))
         (export \"callee\" (instance $callee))
         (export \"peek\" (func $caller \"peek\"))
         (export \"poke\" (func $caller \"poke\"))
         (export \"call-take\" (func $caller \"call-take\"))
         (export \"call-give\" (func $caller \"call-give\")))",
    );
    text
}

/// What every guest has: memory and `realloc`, and functions with which the test gets at them.
fn base(abi: Abi) -> String {
    let (p, memory) = match abi.pointer {
        Pointer::I32 => ("i32", ""),
        Pointer::I64 => ("i64", "i64"),
    };
    format!(
        "  (core module $base
    (memory (export \"memory\") {memory} 2)
    (global $next (mut {p}) ({p}.const {DATA_END}))
    (func (export \"realloc\") (param $old {p}) (param $old-size {p}) (param $align {p})
      (param $size {p}) (result {p})
      (local $start {p})
      (local.set $start ({p}.and
        ({p}.add (global.get $next) ({p}.sub (local.get $align) ({p}.const 1)))
        ({p}.sub ({p}.const 0) (local.get $align))))
      (global.set $next ({p}.add (local.get $start) (local.get $size)))
      (if ({p}.gt_u (global.get $next) ({p}.const {MEMORY})) (then unreachable))
      (if ({p}.gt_u (local.get $old-size) (local.get $size))
        (then (local.set $old-size (local.get $size))))
      (memory.copy (local.get $start) (local.get $old) (local.get $old-size))
      (local.get $start))
    (func (export \"peek\") (result {p})
      ({p}.store ({p}.const {PEEKED}) ({p}.const 0))
      ({p}.store offset={size} ({p}.const {PEEKED}) ({p}.const {MEMORY}))
      ({p}.const {PEEKED}))
    (func (export \"poke\") (param $at i32) (param $from {p}) (param $length {p})
      (memory.copy {at} (local.get $from) (local.get $length))
      ;; What was allocated for the bytes is free again.
      (global.set $next ({p}.const {DATA_END})))
  )
  (core instance $base (instantiate $base))
  (alias core export $base \"memory\" (core memory $memory))
  (alias core export $base \"realloc\" (core func $realloc))
  (func (export \"peek\") (result (list u8))
    (canon lift (core func $base \"peek\") (memory $memory)))
  (func (export \"poke\") (param \"at\" u32) (param \"bytes\" (list u8))
    (canon lift (core func $base \"poke\") (memory $memory) (realloc $realloc)))
",
        size = abi.pointer.size(),
        at = match abi.pointer {
            Pointer::I32 => "(local.get $at)",
            Pointer::I64 => "(i64.extend_i32_u (local.get $at))",
        },
    )
}

/// The canonical options of a guest.
fn options(abi: Abi) -> String {
    let encoding = match abi.encoding {
        Encoding::Utf8 => "utf8",
        Encoding::Utf16 => "utf16",
        Encoding::Latin1Utf16 => "latin1+utf16",
    };
    format!("(memory $memory) (realloc $realloc) string-encoding={encoding}")
}

fn core_name(core: Core) -> &'static str {
    match core {
        Core::I32 => "i32",
        Core::I64 => "i64",
        Core::F32 => "f32",
        Core::F64 => "f64",
    }
}

/// The core types of parameters of this type, and of a result when lifted.
fn core_types(ty: &Ty, abi: Abi, max: usize) -> Vec<Core> {
    let flat = abi.flatten(ty);
    if flat.len() <= max {
        flat
    } else {
        vec![abi.pointer.core()]
    }
}

/// Writes down a core value that is the result of an expression.
fn write_down(abi: Abi, place: usize, core: Core, value: &str) -> String {
    let address = format!(
        "({}.const {})",
        core_name(abi.pointer.core()),
        GOT + 8 * place
    );
    // The upper half of what is narrow is made 0.
    let bits = match core {
        Core::I32 => format!("(i64.extend_i32_u {value})"),
        Core::F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {value}))"),
        Core::I64 => value.to_owned(),
        Core::F64 => format!("(i64.reinterpret_f64 {value})"),
    };
    format!("      (i64.store {address} {bits})\n")
}

/// A core value to give.
fn given(abi: Abi, place: usize, core: Core) -> String {
    let pointer = core_name(abi.pointer.core());
    let address = GIVEN + 8 * place;
    format!("({}.load ({pointer}.const {address}))", core_name(core))
}

/// A component that is called.
fn callee(ty: &Ty, abi: Abi) -> String {
    let mut types = Types::new(Names::Exported);
    let named = types.refer(ty);
    let params = core_types(ty, abi, MAX_PARAMS);
    let results = core_types(ty, abi, MAX_RESULTS);
    let mut text = types.text + &base(abi);
    let pointer = core_name(abi.pointer.core());
    let memory = if abi.pointer == Pointer::I64 {
        "i64"
    } else {
        ""
    };
    writeln!(
        text,
        "  (core module $m\n    (memory (import \"\" \"memory\") {memory} 0)"
    )
    .unwrap();
    write!(text, "    (func (export \"take\")").unwrap();
    for core in &params {
        write!(text, " (param {})", core_name(*core)).unwrap();
    }
    text.push('\n');
    for (i, core) in params.iter().enumerate() {
        text.push_str(&write_down(abi, i, *core, &format!("(local.get {i})")));
    }
    text.push_str("    )\n");
    let result = results.first().copied();
    let core = result.map_or(pointer, core_name);
    let value = given(abi, 0, result.unwrap_or(abi.pointer.core()));
    writeln!(
        text,
        "    (func (export \"give\") (result {core}) {value}))"
    )
    .unwrap();
    let options = options(abi);
    write!(
        text,
        "  (core instance $m (instantiate $m (with \"\" (instance $base))))
  (func (export \"take\") (param \"x\" {named}) (canon lift (core func $m \"take\") {options}))
  (func (export \"give\") (result {named}) (canon lift (core func $m \"give\") {options}))
"
    )
    .unwrap();
    text
}

/// A component that imports functions of the type, calls them, and can itself be called; and the
/// names of the types it imports.
fn caller(ty: &Ty, abi: Abi, names: Names) -> (Vec<String>, String) {
    let mut types = Types::new(names);
    let named = types.refer(ty);
    let mut text = types.text + &base(abi);
    let options = options(abi);
    write!(
        text,
        "  (import \"take\" (func $take (param \"x\" {named})))
  (import \"give\" (func $give (result {named})))
  (core func $core-take (canon lower (func $take) {options}))
  (core func $core-give (canon lower (func $give) {options}))
"
    )
    .unwrap();
    text.push_str(&calls(ty, abi));
    write!(
        text,
        "  (core instance $calls (instantiate $calls
    (with \"\" (instance $base))
    (with \"host\" (instance
      (export \"take\" (func $core-take))
      (export \"give\" (func $core-give))))))
  (func (export \"call-take\") (canon lift (core func $calls \"call-take\")))
  (func (export \"call-give\") (canon lift (core func $calls \"call-give\")))
  (func (export \"take\") (param \"x\" {named})
    (canon lift (core func $calls \"take\") {options}))
  (func (export \"give\") (result {named})
    (canon lift (core func $calls \"give\") {options}))
"
    )
    .unwrap();
    (types.named, text)
}

/// The core module of a caller.
fn calls(ty: &Ty, abi: Abi) -> String {
    let params = core_types(ty, abi, MAX_PARAMS);
    let flat = abi.flatten(ty);
    let pointer = core_name(abi.pointer.core());
    let memory = if abi.pointer == Pointer::I64 {
        "i64"
    } else {
        ""
    };
    let list = |keyword: &str, types: &[Core]| {
        let types = types.iter().map(|core| core_name(*core));
        types.fold(String::new(), |text, ty| {
            text + &format!(" ({keyword} {ty})")
        })
    };
    let result_in_memory = flat.len() > MAX_RESULTS;
    let give = match result_in_memory {
        true => format!("(param {pointer})"),
        false => list("result", &flat),
    };
    let lifted_result = core_types(ty, abi, MAX_RESULTS);
    let arguments = params.iter().enumerate();
    let arguments = arguments.fold(String::new(), |text, (i, core)| {
        text + &given(abi, i, *core)
    });
    let call_give = match result_in_memory {
        true => format!("(call $give ({pointer}.const {RESULT}))"),
        false => write_down(abi, 0, flat[0], "(call $give)"),
    };
    let taken = params.iter().enumerate();
    let taken = taken.fold(String::new(), |text, (i, core)| {
        text + &write_down(abi, i, *core, &format!("(local.get {i})"))
    });
    format!(
        "  (core module $calls
    (memory (import \"\" \"memory\") {memory} 0)
    (import \"host\" \"take\" (func $take{params}))
    (import \"host\" \"give\" (func $give {give}))
    (func (export \"call-take\") (call $take {arguments}))
    (func (export \"call-give\") {call_give})
    (func (export \"take\"){params}
{taken}    )
    (func (export \"give\"){result} {value}))
",
        params = list("param", &params),
        result = list("result", &lifted_result),
        value = given(abi, 0, lifted_result[0]),
    )
}
