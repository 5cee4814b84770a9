//! Values of all types, at random, through all four directions between host and guest, each checked
//! against a reference that shares nothing with the runtime.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod reference;
mod ty;

use reference::{Core, Encoding, Guest};
use threadline::component::{Component, Instance, Linker, Val};
use threadline::{Config, Engine, Proposal, Store};
use ty::{Definitions, Random, SIMPLE, Ty};

/// Where in the guest's memory its flat parameters are.
const FLAT: usize = 64;
/// Where results are.
const RESULT: usize = 4096;
/// Where its allocations begin.
const HEAP: usize = 1 << 16;
/// The size of its memory.
const MEMORY: usize = 4 << 20;

/// A guest with functions over one type: `run` notes its parameter and passes it through the host's
/// `echo`; `give` returns what lies in memory, and `call-take` passes that to the host's `take`.
fn component(ty: &Ty, guest: &Guest) -> String {
    let mut definitions = Definitions::default();
    let t = definitions.refer(ty);
    let definitions = definitions.text;
    let p = if guest.wide { "i64" } else { "i32" };
    let memory_type = if guest.wide { "i64 64" } else { "64" };
    let flat = guest.flatten(ty);
    let spilled = flat.len() > 16;
    let core_params = match spilled {
        true => p.to_owned(),
        false => flat
            .iter()
            .map(|core| core_name(*core))
            .collect::<Vec<_>>()
            .join(" "),
    };
    let count = if spilled { 1 } else { flat.len() };
    let flat_result = flat.len() <= 1;
    let result = if flat_result { core_name(flat[0]) } else { p };
    let out = if flat_result { "" } else { p };
    let (gets, notes, loads): (String, String, String) = (
        (0..count).map(|i| format!("(local.get {i})")).collect(),
        (0..count)
            .map(|i| {
                let core = if spilled { p } else { core_name(flat[i]) };
                let at = FLAT + 8 * i;
                format!("({core}.store ({p}.const {at}) (local.get {i}))")
            })
            .collect(),
        (0..count)
            .map(|i| {
                let core = if spilled { p } else { core_name(flat[i]) };
                format!("({core}.load ({p}.const {}))", FLAT + 8 * i)
            })
            .collect(),
    );
    let echo_result = if flat_result {
        format!("(result {result})")
    } else {
        String::new()
    };
    let (run_tail, give) = match flat_result {
        true => (String::new(), format!("({result}.load ({p}.const {FLAT}))")),
        false => (
            format!("({p}.const {RESULT})"),
            format!("({p}.const {RESULT})"),
        ),
    };
    let run_out = if flat_result {
        String::new()
    } else {
        format!("({p}.const {RESULT})")
    };
    let encoding = match guest.encoding {
        Encoding::Utf8 => "utf8",
        Encoding::Utf16 => "utf16",
        Encoding::Latin1Utf16 => "latin1+utf16",
    };
    format!(
        r#"(component
        {definitions}
        (import "echo" (func $echo (param "v" {t}) (result {t})))
        (import "take" (func $take (param "v" {t})))
        (core module $allocator
            (memory (export "memory") {memory_type})
            (global $next (mut {p}) ({p}.const {HEAP}))
            (func (export "reset")
                (memory.fill ({p}.const 0) (i32.const 0) ({p}.const {MEMORY}))
                (global.set $next ({p}.const {HEAP})))
            (func (export "realloc") (param $old {p}) (param $size {p}) (param $align {p})
                (param $new {p}) (result {p})
                (local $at {p})
                (local.set $at ({p}.and
                    ({p}.add (global.get $next) ({p}.sub (local.get $align) ({p}.const 1)))
                    ({p}.sub ({p}.const 0) (local.get $align))))
                (global.set $next ({p}.add (local.get $at) (local.get $new)))
                (memory.copy (local.get $at) (local.get $old)
                    (select (local.get $size) (local.get $new)
                        ({p}.lt_u (local.get $size) (local.get $new))))
                (local.get $at)))
        (core instance $a (instantiate $allocator))
        (core func $echo' (canon lower (func $echo) string-encoding={encoding}
            (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        (core func $take' (canon lower (func $take) string-encoding={encoding}
            (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        (core module $m
            (import "" "memory" (memory {memory_type}))
            (import "" "echo" (func $echo (param {core_params} {out}) {echo_result}))
            (import "" "take" (func $take (param {core_params})))
            (func (export "run") (param {core_params}) (result {result})
                {notes} (call $echo {gets} {run_out}) {run_tail})
            (func (export "give") (result {result}) {give})
            (func (export "call-take") (call $take {loads}))
            (func (export "peek") (param {p} {p}) (result {p})
                ({p}.store ({p}.const 16) (local.get 0))
                ({p}.store ({p}.const {after}) (local.get 1))
                ({p}.const 16))
            (func (export "poke") (param $at {p}) (param $from {p}) (param $length {p})
                (memory.copy (local.get $at) (local.get $from) (local.get $length))))
        (core instance $i (instantiate $m (with "" (instance
            (export "memory" (memory $a "memory"))
            (export "echo" (func $echo'))
            (export "take" (func $take'))))))
        (func (export "reset") (canon lift (core func $a "reset")))
        (func (export "run") (param "v" {t}) (result {t})
            (canon lift (core func $i "run") string-encoding={encoding}
                (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        (func (export "give") (result {t})
            (canon lift (core func $i "give") string-encoding={encoding}
                (memory (core memory $a "memory"))))
        (func (export "call-take") (canon lift (core func $i "call-take")))
        (func (export "peek") (param "at" {size}) (param "length" {size}) (result (list u8))
            (canon lift (core func $i "peek") (memory (core memory $a "memory"))))
        (func (export "poke") (param "at" {size}) (param "bytes" (list u8))
            (canon lift (core func $i "poke")
                (memory (core memory $a "memory")) (realloc (core func $a "realloc"))))
        )"#,
        after = 16 + if guest.wide { 8 } else { 4 },
        size = if guest.wide { "u64" } else { "u32" },
    )
}

fn core_name(core: Core) -> &'static str {
    match core {
        Core::I32 => "i32",
        Core::I64 => "i64",
        Core::F32 => "f32",
        Core::F64 => "f64",
    }
}

/// An instance of [`component`].
struct Test {
    ty: Ty,
    guest: Guest,
    store: Store<Vec<Val>>,
    instance: Instance,
}

impl Test {
    fn new(engine: &Engine, ty: &Ty, wide: bool, encoding: Encoding) -> Test {
        let guest = Guest {
            wide,
            encoding,
            memory: vec![0; MEMORY],
            next: HEAP,
        };
        let text = component(ty, &guest);
        let component =
            Component::new(engine, &text).unwrap_or_else(|error| panic!("{error:#}\n{text}"));
        let mut linker = Linker::new(engine);
        let mut root = linker.root();
        root.func_new("echo", |mut store, params, results| {
            results.clone_from_slice(params);
            store.data_mut().push(params[0].clone());
            Ok(())
        })
        .unwrap();
        root.func_new("take", |mut store, params, _| {
            store.data_mut().push(params[0].clone());
            Ok(())
        })
        .unwrap();
        let mut store = Store::new(engine, Vec::new());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        Test {
            ty: ty.clone(),
            guest,
            store,
            instance,
        }
    }

    fn call(&mut self, name: &str, params: &[Val]) -> Option<Val> {
        let func = self.instance.get_func(&mut self.store, name).unwrap();
        let mut results = vec![Val::Bool(false); func.ty(&self.store).results().len()];
        func.call(&mut self.store, params, &mut results)
            .unwrap_or_else(|error| panic!("{name} of {:?}: {error:#}", self.ty));
        results.pop()
    }

    fn address(&self, address: usize) -> Val {
        match self.guest.wide {
            true => Val::U64(address as u64),
            false => Val::U32(address as u32),
        }
    }

    /// Takes the guest's memory over to the reference.
    fn peek(&mut self) {
        let range = [self.address(0), self.address(HEAP + (64 << 10))];
        let Some(Val::List(bytes)) = self.call("peek", &range) else {
            panic!("a list was peeked");
        };
        for (to, from) in self.guest.memory.iter_mut().zip(bytes) {
            let Val::U8(from) = from else { panic!("bytes") };
            *to = from;
        }
    }

    /// Gives the reference's memory to the guest.
    fn poke(&mut self) {
        for range in [FLAT..RESULT + 8192, HEAP..self.guest.next] {
            let bytes = self.guest.memory[range.clone()]
                .iter()
                .copied()
                .map(Val::U8);
            let bytes = Val::List(bytes.collect());
            let at = self.address(range.start);
            self.call("poke", &[at, bytes]);
        }
    }

    fn reset(&mut self) {
        self.call("reset", &[]);
        self.guest.memory.fill(0);
        self.guest.next = HEAP;
        self.store.data_mut().clear();
    }

    fn flat_of_memory(&self, count: usize) -> Vec<u64> {
        let words = self.guest.memory[FLAT..].chunks_exact(8).take(count);
        words
            .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
            .collect()
    }

    fn check(&mut self, val: &Val) {
        let ty = self.ty.clone();
        let count = self.guest.flatten(&ty).len();

        // Host to guest, guest to host, host to guest, guest to host; then what the guest saw.
        self.reset();
        let result = self.call("run", std::slice::from_ref(val)).unwrap();
        assert_eq!(result, *val, "the result, of type {ty:?}");
        assert_eq!(
            self.store.data()[..],
            [val.clone()],
            "what the host saw, of type {ty:?}"
        );
        self.peek();
        let flat = self.flat_of_memory(count.min(16));
        let param = match count > 16 {
            true => self.guest.load(&ty, flat[0] as usize),
            false => self.guest.lift_flat(&ty, &mut flat.as_slice()),
        };
        assert_eq!(param, *val, "the parameter in the guest, of type {ty:?}");
        if count > 1 {
            let result = self.guest.load(&ty, RESULT);
            assert_eq!(result, *val, "the result in the guest, of type {ty:?}");
        }

        // From what the reference lowers.
        self.reset();
        let flat = match count > 16 {
            true => {
                self.guest.store(&ty, val, RESULT);
                vec![RESULT as u64]
            }
            false => self.guest.lower_flat(&ty, val),
        };
        for (i, bits) in flat.into_iter().enumerate() {
            self.guest.memory[FLAT + 8 * i..][..8].copy_from_slice(&bits.to_le_bytes());
        }
        if count > 1 && count <= 16 {
            self.guest.store(&ty, val, RESULT);
        }
        self.poke();
        self.call("call-take", &[]);
        assert_eq!(
            self.store.data()[..],
            [val.clone()],
            "lifted parameter of type {ty:?}"
        );
        let result = self.call("give", &[]).unwrap();
        assert_eq!(result, *val, "lifted result of type {ty:?}");
    }
}

fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_memory64(true);
    for proposal in [
        Proposal::ComponentModelMap,
        Proposal::ComponentModelFixedLengthLists,
    ] {
        config.wasm_proposal(proposal, true);
    }
    Engine::new(&config).unwrap()
}

const ENCODINGS: [Encoding; 3] = [Encoding::Utf8, Encoding::Utf16, Encoding::Latin1Utf16];

#[test]
fn each_type_in_each_position_arrives_as_it_was() {
    let engine = engine();
    let mut random = Random(1);
    let boxed = |ty: &Ty| Box::new(ty.clone());
    for ty in &SIMPLE {
        for wide in [false, true] {
            let many = vec![ty.clone(); 17];
            for ty in [
                ty.clone(),
                Ty::List(boxed(ty)),
                Ty::Fixed(boxed(ty), 3),
                Ty::Record(vec![Ty::U8, ty.clone(), Ty::Bool]),
                Ty::Variant(vec![None, Some(ty.clone()), Some(Ty::F32), Some(Ty::U64)]),
                Ty::Option(boxed(ty)),
                Ty::Result(Some(boxed(ty)), Some(boxed(&Ty::F64))),
                Ty::Tuple(many),
            ] {
                let mut test = Test::new(&engine, &ty, wide, Encoding::Utf8);
                for _ in 0..4 {
                    let val = random.val(&ty);
                    test.check(&val);
                }
            }
        }
    }
}

#[test]
fn values_of_types_made_at_random_arrive_as_they_were() {
    let engine = engine();
    for seed in 1..=120 {
        let mut random = Random(seed * 0x9e37_79b9);
        let ty = random.ty(1 + seed as usize % 4);
        let encoding = ENCODINGS[random.below(3)];
        let mut test = Test::new(&engine, &ty, random.below(2) == 0, encoding);
        if test.guest.elem_size(&ty) > 4096 {
            continue;
        }
        for _ in 0..6 {
            let val = random.val(&ty);
            test.check(&val);
        }
    }
}

#[test]
fn strings_arrive_in_all_encodings() {
    let engine = engine();
    for encoding in ENCODINGS {
        for wide in [false, true] {
            let mut test = Test::new(&engine, &Ty::String, wide, encoding);
            for string in [
                "",
                "a",
                "häßlich",
                "☃",
                "aé☃",
                "é☃𝄞é",
                "𝄞",
                "ascii, and long enough to matter",
            ] {
                test.check(&Val::String(string.to_owned()));
            }
        }
    }
}
