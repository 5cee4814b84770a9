//! Core modules that `wasm-smith` makes, whose loops the caller bounds.

use arbitrary::Unstructured;
use threadline::{Features, Proposal};
use wasmparser::{Operator, Parser, Payload};

/// Bytes that a program is made from.
const SEED_BYTES: usize = 4096;

/// Numbers that depend on the seed alone (xorshift).
pub fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

/// All that is built.
pub fn features() -> Features {
    let mut features = Features::default();
    for proposal in Proposal::all().filter(|proposal| proposal.is_built()) {
        features.set(proposal, true);
    }
    features
}

/// How modules are made that import nothing but what they may.
pub fn config(features: &Features, imports: &str) -> wasm_smith::Config {
    let has = |proposal| features.has(proposal);
    let mut config = wasm_smith::Config {
        available_imports: Some(wat::parse_str(imports).unwrap()),
        export_everything: true,
        min_funcs: 4,
        max_funcs: 12,
        max_instructions: 120,
        min_memories: 1,
        max_memories: if has(Proposal::MultiMemory) { 3 } else { 1 },
        max_memory32_bytes: 10 << 16,
        max_memory64_bytes: 10 << 16,
        memory_max_size_required: true,
        max_tables: 3,
        max_table_elements: 1000,
        table_max_size_required: true,
        max_type_size: 100,
        ..wasm_smith::Config::default()
    };
    for (switch, proposal) in [
        (&mut config.bulk_memory_enabled, Proposal::BulkMemory),
        (
            &mut config.reference_types_enabled,
            Proposal::ReferenceTypes,
        ),
        (&mut config.simd_enabled, Proposal::Simd),
        (&mut config.relaxed_simd_enabled, Proposal::RelaxedSimd),
        (&mut config.threads_enabled, Proposal::Threads),
        (&mut config.multi_value_enabled, Proposal::MultiValue),
        (&mut config.tail_call_enabled, Proposal::TailCall),
        (&mut config.extended_const_enabled, Proposal::ExtendedConst),
        (&mut config.memory64_enabled, Proposal::Memory64),
        (&mut config.exceptions_enabled, Proposal::Exceptions),
        (&mut config.gc_enabled, Proposal::Gc),
        (
            &mut config.custom_page_sizes_enabled,
            Proposal::CustomPageSizes,
        ),
        (
            &mut config.wide_arithmetic_enabled,
            Proposal::WideArithmetic,
        ),
    ] {
        *switch = has(proposal);
    }
    config.compact_imports_enabled = false;
    config
}

/// The module of a number, that imports nothing but what it may.
pub fn generate(seed: u64, imports: Option<&str>) -> Vec<u8> {
    let mut config = config(&features(), imports.unwrap_or("(module)"));
    // Most others end by a trap soon.
    config.disallow_traps = !seed.is_multiple_of(4);
    // From some numbers no module can be made.
    let module = (0..).find_map(|attempt: u64| {
        let words = numbers(seed ^ attempt << 32).take(SEED_BYTES / 8);
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        wasm_smith::Module::new(config.clone(), &mut Unstructured::new(&bytes)).ok()
    });
    let module = module.expect("one of so many attempts succeeds");
    without_waiting(&module.to_bytes())
}

/// The same module, in which nothing waits longer than no time at all: nobody would notify it.
pub fn without_waiting(wasm: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Up to where the module has been copied.
    let mut copied = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CodeSectionStart {
            unchecked_range: range,
            ..
        } = payload.unwrap()
        else {
            continue;
        };
        let range = range.start as usize..range.end as usize;
        let section = code_section(&wasm[range.clone()]);
        // The section's size precedes its contents.
        let size = leb128(range.len());
        out.extend_from_slice(&wasm[copied..range.start - size.len()]);
        out.extend(leb128(section.len()));
        out.extend(section);
        copied = range.end;
    }
    out.extend_from_slice(&wasm[copied..]);
    out
}

/// The contents of a code section, with each time-out replaced by 0.
fn code_section(contents: &[u8]) -> Vec<u8> {
    let reader = wasmparser::BinaryReader::new(contents, 0);
    let bodies = wasmparser::CodeSectionReader::new(reader).unwrap();
    let mut out = leb128(bodies.count() as usize);
    for body in bodies {
        let body = body.unwrap();
        let range = body.range();
        let mut new = Vec::new();
        let mut copied = range.start as usize;
        for operator in body
            .get_operators_reader()
            .unwrap()
            .into_iter_with_offsets()
        {
            let (operator, offset) = operator.unwrap();
            if let Operator::MemoryAtomicWait32 { .. } | Operator::MemoryAtomicWait64 { .. } =
                operator
            {
                new.extend_from_slice(&contents[copied..offset as usize]);
                // `drop`, `i64.const 0`
                new.extend([0x1a, 0x42, 0x00]);
                copied = offset as usize;
            }
        }
        new.extend_from_slice(&contents[copied..range.end as usize]);
        out.extend(leb128(new.len()));
        out.extend(new);
    }
    out
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

/// What modules in components may import.
pub const INTRINSICS: &str = r#"(module
    (import "context" "get0" (func (result i32)))
    (import "context" "get1" (func (result i32)))
    (import "context" "set0" (func (param i32)))
    (import "context" "set1" (func (param i32))))"#;
