//! What memories begin with is what the data segments say, however a module was loaded and wherever its
//! instances are: compiled a moment ago, from an image, from a file; on demand and in a pool.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![expect(unsafe_code, reason = "images are trusted, which the caller says")]

use std::fmt::Write as _;
use threadline::{
    Config, Engine, Instance, Linker, Module, PoolingAllocationConfig, Proposal, Store, Trap,
};

const PAGE: usize = 65536;
/// More than is copied rather than mapped.
const MUCH: usize = 40_000;

/// A segment: which memory, where, and how many bytes, which are [`byte`]s.
type Segment = (usize, usize, usize);

/// A byte of a segment, none of which is zero.
fn byte(segment: usize, at: usize) -> u8 {
    ((segment * 31 + at * 7) % 255 + 1) as u8
}

struct Case {
    what: &'static str,
    /// Memories: their type, and their size in bytes.
    memories: Vec<(&'static str, usize)>,
    segments: Vec<Segment>,
}

fn cases() -> Vec<Case> {
    let case = |what, memories: &[(&'static str, usize)], segments: &[Segment]| Case {
        what,
        memories: memories.to_vec(),
        segments: segments.to_vec(),
    };
    let many: Vec<Segment> = (0..3000)
        .map(|i| (0, (1 << 20) + 100 + i * 37, 25 + i % 20))
        .collect();
    vec![
        case("few", &[("1", PAGE)], &[(0, 1024, 12)]),
        case("none", &[("1", PAGE)], &[(0, 7, 0), (0, PAGE, 0)]),
        case("low", &[("1", PAGE)], &[(0, 1024, MUCH)]),
        case("high", &[("40", 40 * PAGE)], &[(0, (1 << 20) + 5, MUCH)]),
        case("many that overlap", &[("20", 20 * PAGE)], &many),
        case(
            "backwards",
            &[("1", PAGE)],
            &[(0, 9000, MUCH), (0, 10, MUCH)],
        ),
        case(
            "to the end",
            &[("3", 3 * PAGE)],
            &[(0, 3 * PAGE - MUCH, MUCH)],
        ),
        case("all", &[("1", PAGE)], &[(0, 0, PAGE)]),
        case(
            "far apart",
            &[("100", 100 * PAGE)],
            &[(0, 3, MUCH), (0, 99 * PAGE, 5)],
        ),
        case(
            "in large memories",
            &[("70", 70 * PAGE), ("90", 90 * PAGE)],
            &[(0, (1 << 20) + 5, MUCH), (1, 5000, MUCH), (1, 80_000, 99)],
        ),
        case(
            "two memories",
            &[("2", 2 * PAGE), ("i64 3", 3 * PAGE)],
            &[
                (1, PAGE + 1, MUCH),
                (0, 77, 8),
                (1, PAGE, 4),
                (0, 5000, MUCH),
            ],
        ),
        case(
            "pages of a byte",
            &[("41234 (pagesize 1)", 41234)],
            &[(0, 1234, MUCH)],
        ),
        case("a small page", &[("600 (pagesize 1)", 600)], &[(0, 0, 600)]),
    ]
}

impl Case {
    fn text(&self) -> String {
        let mut text = "(module\n".to_owned();
        for (i, (ty, _)) in self.memories.iter().enumerate() {
            writeln!(text, "(memory $m{i} (export \"m{i}\") {ty})").unwrap();
        }
        for (i, &(memory, at, length)) in self.segments.iter().enumerate() {
            let ty = match self.memories[memory].0.starts_with("i64") {
                true => "i64",
                false => "i32",
            };
            let bytes: String = (0..length)
                .map(|at| format!("\\{:02x}", byte(i, at)))
                .collect();
            writeln!(
                text,
                "(data (memory $m{memory}) ({ty}.const {at}) \"{bytes}\")"
            )
            .unwrap();
        }
        text + ")"
    }

    /// What a memory begins with: segment after segment, later ones over earlier ones.
    fn expected(&self, memory: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.memories[memory].1];
        for (i, &(of, at, length)) in self.segments.iter().enumerate() {
            if of == memory {
                (0..length).for_each(|offset| bytes[at + offset] = byte(i, offset));
            }
        }
        bytes
    }

    /// Checks a new instance, and leaves something else in its memories.
    fn check(&self, module: &Module) {
        let mut store = Store::new(module.engine(), ());
        let instance = Linker::new(module.engine())
            .instantiate(&mut store, module)
            .unwrap();
        for memory in 0..self.memories.len() {
            let found = instance
                .get_memory(&mut store, &format!("m{memory}"))
                .unwrap();
            let expected = self.expected(memory);
            assert!(
                found.data(&store) == expected,
                "{}: memory {memory} begins with something else",
                self.what
            );
            let pages = if expected.len() < PAGE { 5000 } else { 1 };
            found.grow(&mut store, pages).unwrap();
            let grown = found.data(&store);
            assert!(grown.starts_with(&expected), "{}: grown", self.what);
            assert!(grown[expected.len()..].iter().all(|&byte| byte == 0));
            found.data_mut(&mut store).fill(0xEE);
        }
    }
}

fn engines() -> Vec<Engine> {
    let config = || {
        let mut config = Config::new();
        config.wasm_proposal(Proposal::CustomPageSizes, true);
        config
    };
    let pool = |kept| {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(3)
            .max_memory_size(128 * PAGE)
            .linear_memory_keep_resident(kept);
        pool
    };
    let mut small = config();
    // Memories move when they grow.
    small.memory_reservation(0);
    let mut engines = vec![
        Engine::new(&config()).unwrap(),
        Engine::new(&small).unwrap(),
    ];
    for kept in [0, 20_000, 2 << 20] {
        let mut pooled = config();
        pooled.allocation_strategy(pool(kept));
        engines.push(Engine::new(&pooled).unwrap());
    }
    engines
}

/// The module, loaded in each way.
fn loaded(engine: &Engine, text: &str) -> Vec<Module> {
    let image = engine.precompile_module(text.as_bytes()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &image).unwrap();
    // SAFETY: the image was made here, and nobody changes the file, which stays while it is mapped.
    let (copied, mapped) = unsafe {
        (
            Module::deserialize(engine, &image).unwrap(),
            Module::deserialize_file(engine, file.path()).unwrap(),
        )
    };
    vec![Module::new(engine, text).unwrap(), copied, mapped]
}

#[test]
fn memories_begin_with_what_the_segments_say() {
    for engine in engines() {
        let modules: Vec<_> = cases()
            .into_iter()
            .map(|case| (loaded(&engine, &case.text()), case))
            .collect();
        // Again and again, so that what is used again has been used by others.
        for _ in 0..3 {
            for (modules, case) in &modules {
                modules.iter().for_each(|module| case.check(module));
            }
        }
    }
}

#[test]
fn an_image_is_as_large_as_what_is_in_it() {
    let engine = Engine::default();
    let size = |text: &str| engine.precompile_module(text.as_bytes()).unwrap().len();
    let empty = size("(module (memory 1024))");
    for (at, length, most) in [
        (60 << 20, 1, 1),
        (0, 100_000, 110_000),
        (50 << 20, 100_000, 110_000),
    ] {
        let bytes = "x".repeat(length);
        let text = format!("(module (memory 1024) (data (i32.const {at}) \"{bytes}\"))");
        let more = size(&text) - empty;
        assert!(more <= most + 4096, "{length} bytes at {at} take {more}");
    }
    let memories: String = (0..50)
        .map(|i| format!("(memory $m{i} 1) (data (memory $m{i}) (i32.const 0) \"x\")"))
        .collect();
    assert!(size(&format!("(module {memories})")) - empty < 20_000);
    let far = format!(
        "(module (memory 1024) (data (i32.const 0) \"{0}\") (data (i32.const 67000000) \"{0}\"))",
        "x".repeat(1000)
    );
    assert!(size(&far) - empty < 10_000);
}

/// `init` copies from a segment, of which 0 and 3 are active, 1 and 2 passive.
const SEGMENTS: &str = r#"(module
    (memory (export "m") 2)
    (data (i32.const 0) "DATA")
    (data "passive one")
    (data "passive two")
    (data (i32.const 70000) "LARGE")
    (func (export "init0") (param i32 i32 i32)
        (memory.init 0 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init1") (param i32 i32 i32)
        (memory.init 1 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init2") (param i32 i32 i32)
        (memory.init 2 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init3") (param i32 i32 i32)
        (memory.init 3 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "drop1") (data.drop 1))
    (func (export "drop3") (data.drop 3)))"#;

#[test]
fn segments_are_as_if_they_had_been_written_and_dropped() {
    let large = "L".repeat(MUCH);
    for text in [SEGMENTS.to_owned(), SEGMENTS.replace("LARGE", &large)] {
        for engine in engines() {
            for module in loaded(&engine, &text) {
                segments_behave(&module);
            }
        }
    }
}

fn segments_behave(module: &Module) {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    let memory = instance.get_memory(&mut store, "m").unwrap();
    assert_eq!(&memory.data(&store)[..6], b"DATA\0\0");
    let mut init = |segment: u32, args: (i32, i32, i32)| {
        let name = format!("init{segment}");
        let func = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, &name);
        let result = func.unwrap().call(&mut store, args);
        result.map_err(|error| *error.downcast_ref::<Trap>().unwrap())
    };
    for active in [0, 3] {
        assert_eq!(init(active, (8, 0, 0)), Ok(()));
        assert_eq!(init(active, (8, 0, 1)), Err(Trap::MemoryOutOfBounds));
    }
    assert_eq!(init(1, (100, 8, 3)), Ok(()));
    assert_eq!(init(2, (103, 7, 4)), Ok(()));
    assert_eq!(init(1, (100, 8, 4)), Err(Trap::MemoryOutOfBounds));
    assert_eq!(&memory.data(&store)[100..107], b"one two");
    for name in ["drop1", "drop3", "drop1"] {
        let func = instance.get_typed_func::<(), ()>(&mut store, name).unwrap();
        func.call(&mut store, ()).unwrap();
    }
    let func = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, "init1");
    let result = func.unwrap().call(&mut store, (100, 8, 3));
    assert!(result.is_err(), "it was dropped");
    let func = instance.get_typed_func::<(i32, i32, i32), ()>(&mut store, "init2");
    func.unwrap().call(&mut store, (100, 8, 3)).unwrap();
}
