//! From compiled functions to one [`CodeImage`]: layout, relocation, side tables.

mod relocation;

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use threadline_environ::TrapCode;
use threadline_environ::artifact::{
    AddressMap, CodeImage, ExceptionTable, FuncKey, FunctionRecord, Handler, InlineTable,
    InlinedCall, TrapTable,
};

pub(crate) use relocation::Relocation;

/// One function's code, before it has an address.
#[derive(Debug)]
pub(crate) struct CompiledFunction {
    pub(crate) key: FuncKey,
    pub(crate) code: Vec<u8>,
    pub(crate) alignment: u32,
    pub(crate) relocations: Vec<Relocation>,
    /// Offsets in `code`, ascending.
    pub(crate) traps: Vec<(u32, TrapCode)>,
    /// Calls with handlers, by ascending return address; all offsets are in `code`.
    pub(crate) exception_sites: Vec<ExceptionSite>,
    /// Whether no exception may leave the function.
    pub(crate) is_exception_barrier: bool,
    /// Offsets in `code`, ascending, with the wasm offset each range was made from.
    pub(crate) addresses: Vec<(u32, Option<u32>)>,
    /// Calls that are part of the code, and offsets in `code`, ascending, with the number of the
    /// innermost one in each range.
    pub(crate) inlined_calls: Vec<InlinedCall>,
    pub(crate) inlined: Vec<(u32, Option<u32>)>,
}

/// A call with handlers.
#[derive(Debug)]
pub(crate) struct ExceptionSite {
    pub(crate) return_address: u32,
    pub(crate) frame_size: u32,
    pub(crate) handlers: Vec<Handler>,
}

/// Lays the functions out in the order given and resolves their references to each other.
///
/// # Errors
/// If a reference cannot be resolved, or the image is too large for its branches.
pub(crate) fn link(functions: Vec<CompiledFunction>) -> Result<CodeImage> {
    let (records, size) = layout(&functions)?;
    let starts: BTreeMap<FuncKey, u32> = records.iter().map(|r| (r.key, r.start)).collect();
    let mut text = vec![0; size as usize];
    let mut traps = TrapTable::default();
    let mut addresses = AddressMap::default();
    let mut exceptions = ExceptionTable::default();
    let mut inlined = InlineTable::default();
    // Each function goes when its part of the image is there: together they are as large.
    for (function, record) in functions.into_iter().zip(&records) {
        let start = record.start as usize;
        text[start..start + function.code.len()].copy_from_slice(&function.code);
        for relocation in &function.relocations {
            let target = *starts.get(&relocation.target).with_context(|| {
                format!(
                    "{:?} refers to {:?}, which is not there",
                    function.key, relocation.target
                )
            })?;
            relocation.apply(&mut text, record.start, target)?;
        }
        for &(offset, code) in &function.traps {
            traps.push(record.start + offset, code);
        }
        for site in &function.exception_sites {
            let handlers = site.handlers.iter().map(|&handler| Handler {
                target: record.start + handler.target,
                ..handler
            });
            let return_address = record.start + site.return_address;
            exceptions.push(return_address, site.frame_size, handlers);
        }
        if function.is_exception_barrier {
            exceptions.push_barrier(record.range());
        }
        addresses.push(record.start, None);
        for &(offset, wasm) in &function.addresses {
            addresses.push(record.start + offset, wasm);
        }
        addresses.push(record.start + record.length, None);
        push_inlined(&mut inlined, &function, record);
    }
    let mut image = CodeImage::new(text, records, traps, addresses);
    image.exceptions = exceptions;
    image.inlined = inlined;
    Ok(image)
}

fn push_inlined(table: &mut InlineTable, function: &CompiledFunction, record: &FunctionRecord) {
    if function.inlined_calls.is_empty() {
        return;
    }
    let mut first = None;
    for &call in &function.inlined_calls {
        let parent = call.parent.zip(first).map(|(parent, first)| first + parent);
        let number = table.push_call(InlinedCall { parent, ..call });
        first.get_or_insert(number);
    }
    for &(offset, innermost) in &function.inlined {
        let innermost = innermost.zip(first).map(|(number, first)| first + number);
        table.push(record.start + offset, innermost);
    }
    table.push(record.start + record.length, None);
}

fn layout(functions: &[CompiledFunction]) -> Result<(Vec<FunctionRecord>, u32)> {
    let mut records = Vec::with_capacity(functions.len());
    let mut next: u64 = 0;
    for function in functions {
        next = next.next_multiple_of(function.alignment.into());
        let end = next + function.code.len() as u64;
        if end > i32::MAX as u64 {
            bail!("the generated code is larger than 2 GiB");
        }
        records.push(FunctionRecord {
            key: function.key,
            start: next as u32,
            length: function.code.len() as u32,
        });
        next = end;
    }
    Ok((records, next as u32))
}
