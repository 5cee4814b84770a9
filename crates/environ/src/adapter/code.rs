//! A function of an adapter module while it is written: its instructions and its locals.

use super::outlined::HelperIndex;
use crate::canonical_abi::FlatType;
use crate::error::{Error, Result};
use wasm_encoder::{Function, InstructionSink};

/// Bytes of one function at most.
const MAX_FUNCTION_BYTES: usize = 4 << 20;

/// The bytes of a call to a helper whose index isn't known yet.
const PADDED_INDEX_BYTES: usize = 5;

/// A local, by its index.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Local {
    pub(super) index: u32,
    pub(super) ty: FlatType,
}

/// Which locals are in use.
#[derive(Copy, Clone)]
pub(super) struct Mark(usize);

/// The function so far.
pub(super) struct Code {
    num_params: u32,
    /// Types of the locals that aren't parameters.
    locals: Vec<FlatType>,
    /// Those in use, the latest last.
    in_use: Vec<Local>,
    /// Those that no longer are, by type.
    free: [Vec<Local>; 4],
    bytes: Vec<u8>,
    /// Where in the bytes the index of a helper belongs.
    helper_calls: Vec<(usize, HelperIndex)>,
}

impl Code {
    /// An empty function with these parameters, and the locals they are in.
    pub(super) fn new(params: impl IntoIterator<Item = FlatType>) -> (Code, Vec<Local>) {
        let params = params.into_iter().zip(0..);
        let params: Vec<_> = params.map(|(ty, index)| Local { index, ty }).collect();
        let code = Code {
            num_params: params.len() as u32,
            locals: Vec::new(),
            in_use: Vec::new(),
            free: Default::default(),
            bytes: Vec::new(),
            helper_calls: Vec::new(),
        };
        (code, params)
    }

    /// Where instructions go.
    pub(super) fn emit(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.bytes)
    }

    /// A local, in use until what was in use at a mark before is all that is. What it holds
    /// is what whoever had it before left.
    pub(super) fn new_local(&mut self, ty: FlatType) -> Local {
        let local = match self.free[ty as usize].pop() {
            Some(local) => local,
            None => self.new_zero_local(ty),
        };
        self.in_use.push(local);
        local
    }

    /// A local that nobody else gets, and that is 0 until it is set.
    pub(super) fn new_zero_local(&mut self, ty: FlatType) -> Local {
        let index = self.num_params + self.locals.len() as u32;
        self.locals.push(ty);
        Local { index, ty }
    }

    /// Takes note of which locals are in use.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.in_use.len())
    }

    /// Gives back what has come into use since.
    pub(super) fn release(&mut self, mark: Mark) {
        for local in self.in_use.drain(mark.0..) {
            self.free[local.ty as usize].push(local);
        }
    }

    /// Calls a helper.
    pub(super) fn call_helper(&mut self, helper: HelperIndex) {
        const CALL: u8 = 0x10;
        self.bytes.push(CALL);
        self.helper_calls.push((self.bytes.len(), helper));
        self.bytes.extend([0; PADDED_INDEX_BYTES]);
    }

    /// Checks that the function isn't too large.
    ///
    /// # Errors
    /// If it is.
    pub(super) fn check_size(&self) -> Result<()> {
        if self.bytes.len() > MAX_FUNCTION_BYTES {
            let message = format!(
                "passing a value from component to component takes more than \
                 {MAX_FUNCTION_BYTES} bytes of code"
            );
            return Err(Error::TooLarge { message });
        }
        Ok(())
    }

    /// The function's body, where the first helper has this index.
    pub(super) fn finish(mut self, first_helper: u32) -> Function {
        self.emit().end();
        for (at, helper) in self.helper_calls {
            let index = padded(first_helper + helper.0);
            self.bytes[at..at + PADDED_INDEX_BYTES].copy_from_slice(&index);
        }
        let locals = self.locals.iter().map(|&ty| super::module::val_type(ty));
        let mut function = Function::new_with_locals_types(locals);
        function.raw(self.bytes);
        function
    }

    /// How many bytes of code there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// A number in LEB128 of a fixed width.
fn padded(index: u32) -> [u8; PADDED_INDEX_BYTES] {
    let mut bytes = [0; PADDED_INDEX_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        let more = if i + 1 < PADDED_INDEX_BYTES { 0x80 } else { 0 };
        *byte = (index >> (7 * i)) as u8 & 0x7F | more;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_index_reads_as_the_number() {
        for index in [0, 1, 127, 128, 0x1234_5678, u32::MAX] {
            let bytes = padded(index);
            let mut reader = wasmparser::BinaryReader::new(&bytes, 0);
            assert_eq!(reader.read_var_u32().unwrap(), index);
            assert!(reader.eof());
        }
    }

    #[test]
    fn a_local_that_is_given_back_is_used_again_for_its_type() {
        let (mut code, params) = Code::new([FlatType::I32]);
        assert_eq!(params[0].index, 0);
        let mark = code.mark();
        let first = code.new_local(FlatType::I32);
        let other = code.new_local(FlatType::I64);
        code.release(mark);
        assert_eq!(code.new_local(FlatType::I64), other);
        assert_eq!(code.new_local(FlatType::I32), first);
        assert_eq!(code.new_local(FlatType::I32).index, 3);
    }
}
