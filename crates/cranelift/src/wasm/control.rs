//! Structured control flow.
//!
//! A [`Frame`] per open block. Where control can't go, nothing is translated: see
//! `wasm/unreachable.rs`.

use super::env::core_type;
use super::function::{FuncTranslator, MAX_NESTING};
use crate::signature::value_type;
use crate::trap;
use cranelift_codegen::ir::{Block, InstBuilder, JumpTableData, Value};
use threadline_environ::{Error, Result, SignatureIndex, TrapCode, ValType};
use wasmparser::{BlockType, BrTable, Operator};

/// An open block.
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Height of the operand stack below the block's parameters.
    height: usize,
    results: usize,
    /// Where control goes after the block; takes the results.
    end: Block,
    /// Whether anything jumps to `end`.
    end_is_target: bool,
}

/// Which block it is.
pub(super) enum FrameKind {
    /// One that was opened in unreachable code. Its other fields mean nothing.
    Unreachable,
    /// `block`, or the function's body.
    Block,
    /// `try_table`; its handlers are the last of `FuncTranslator::handlers`.
    TryTable,
    /// `loop`; branches go to its header, which takes the parameters.
    Loop { header: Block, params: usize },
    /// `if` before its `else`. The parameters are kept for that.
    If {
        otherwise: Block,
        params: Box<[Value]>,
    },
}

impl FuncTranslator<'_, '_> {
    /// Opens the function's own block; leaving it returns.
    pub(super) fn push_function_frame(&mut self, signature: SignatureIndex) -> Result<()> {
        let results = self.env.func_type(signature).results();
        self.push_frame(FrameKind::Block, 0, results)
    }

    pub(super) fn control_operator(&mut self, operator: &Operator<'_>) -> Result<bool> {
        match operator {
            Operator::Nop => {}
            Operator::Block { blockty } => self.block(*blockty)?,
            Operator::Loop { blockty } => self.loop_(*blockty)?,
            Operator::If { blockty } => self.if_(*blockty)?,
            Operator::Else => self.else_(),
            Operator::End => self.end()?,
            Operator::Br { relative_depth } => self.br(*relative_depth)?,
            Operator::BrIf { relative_depth } => self.br_if(*relative_depth)?,
            Operator::BrTable { targets } => self.br_table(targets)?,
            Operator::Return => self.return_()?,
            Operator::Unreachable => self.unreachable(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn push_frame(
        &mut self,
        kind: FrameKind,
        params: usize,
        results: &[ValType],
    ) -> Result<()> {
        self.pass_values(params + results.len())?;
        if self.control.len() > MAX_NESTING {
            return Err(Error::TooLarge {
                message: format!("blocks are nested more than {MAX_NESTING} deep"),
            });
        }
        let end = self.block_with_params(results);
        self.control.push(Frame {
            kind,
            height: self.stack.len() - params,
            results: results.len(),
            end,
            end_is_target: false,
        });
        Ok(())
    }

    pub(super) fn block_with_params(&mut self, params: &[ValType]) -> Block {
        let block = self.builder.create_block();
        for &ty in params {
            self.builder.append_block_param(block, value_type(ty));
        }
        block
    }

    /// Parameters and results of a block.
    pub(super) fn block_type(&self, ty: BlockType) -> (Vec<ValType>, Vec<ValType>) {
        match ty {
            BlockType::Empty => (Vec::new(), Vec::new()),
            BlockType::Type(ty) => (Vec::new(), vec![core_type(ty)]),
            BlockType::FuncType(index) => {
                let ty = self.env.func_type(self.env.type_signature(index));
                (ty.params().to_vec(), ty.results().to_vec())
            }
        }
    }

    fn block(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty);
        self.push_frame(FrameKind::Block, params.len(), &results)
    }

    fn loop_(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty);
        let header = self.block_with_params(&params);
        let args = self.peek_block_args(params.len());
        self.builder.ins().jump(header, &args);
        self.builder.switch_to_block(header);
        let kind = FrameKind::Loop {
            header,
            params: params.len(),
        };
        self.push_frame(kind, params.len(), &results)?;
        self.truncate(self.stack.len() - params.len());
        self.push_block_params(header);
        Ok(())
    }

    fn if_(&mut self, ty: BlockType) -> Result<()> {
        let (params, results) = self.block_type(ty);
        let condition = self.pop();
        let then = self.builder.create_block();
        let otherwise = self.builder.create_block();
        self.builder
            .ins()
            .brif(condition, then, &[], otherwise, &[]);
        self.builder.seal_block(then);
        self.builder.seal_block(otherwise);
        self.builder.switch_to_block(then);
        let kept = self.stack[self.stack.len() - params.len()..].into();
        let kind = FrameKind::If {
            otherwise,
            params: kept,
        };
        self.push_frame(kind, params.len(), &results)
    }

    /// Comes from reachable and from unreachable code; the frame is that of an `if`.
    pub(super) fn else_(&mut self) {
        self.jump_to_end();
        let frame = self.control.last_mut().expect("validated");
        let height = frame.height;
        if let FrameKind::If { otherwise, params } =
            std::mem::replace(&mut frame.kind, FrameKind::Block)
        {
            self.begin_else(otherwise, height, &params);
        }
    }

    fn begin_else(&mut self, otherwise: Block, height: usize, params: &[Value]) {
        self.builder.switch_to_block(otherwise);
        self.truncate(height);
        self.stack.extend_from_slice(params);
        self.reachable = true;
    }

    /// Comes from reachable and from unreachable code; the frame is not `Unreachable`.
    pub(super) fn end(&mut self) -> Result<()> {
        self.jump_to_end();
        let frame = self.control.last_mut().expect("validated");
        let height = frame.height;
        match std::mem::replace(&mut frame.kind, FrameKind::Block) {
            // A missing `else` passes the parameters on.
            FrameKind::If { otherwise, params } => {
                self.begin_else(otherwise, height, &params);
                self.jump_to_end();
            }
            FrameKind::Loop { header, .. } => self.builder.seal_block(header),
            FrameKind::TryTable => return self.end_try_table(height),
            FrameKind::Block | FrameKind::Unreachable => {}
        }
        self.leave_block()
    }

    /// Goes on behind the innermost block, if control gets there.
    pub(super) fn leave_block(&mut self) -> Result<()> {
        let frame = self.control.pop().expect("validated");
        self.truncate(frame.height);
        self.reachable = frame.end_is_target;
        if !frame.end_is_target {
            return Ok(());
        }
        self.builder.switch_to_block(frame.end);
        self.builder.seal_block(frame.end);
        self.push_block_params(frame.end);
        if self.control.is_empty() {
            self.return_values(frame.results);
        }
        Ok(())
    }

    /// Falls through to the end of the innermost block, if control gets here.
    fn jump_to_end(&mut self) {
        if !self.reachable {
            return;
        }
        let frame = self.control.last_mut().expect("validated");
        frame.end_is_target = true;
        let (end, results) = (frame.end, frame.results);
        let args = self.peek_block_args(results);
        self.builder.ins().jump(end, &args);
        self.reachable = false;
    }

    /// Where a branch goes, and how many values it takes there.
    fn branch_target(&mut self, relative_depth: u32) -> (Block, usize) {
        let position = self.control.len() - 1 - relative_depth as usize;
        let frame = &mut self.control[position];
        match frame.kind {
            FrameKind::Loop { header, params } => (header, params),
            FrameKind::Block
            | FrameKind::If { .. }
            | FrameKind::TryTable
            | FrameKind::Unreachable => {
                frame.end_is_target = true;
                (frame.end, frame.results)
            }
        }
    }

    pub(super) fn br(&mut self, relative_depth: u32) -> Result<()> {
        let (target, arity) = self.branch_target(relative_depth);
        self.pass_values(arity)?;
        let args = self.peek_block_args(arity);
        self.builder.ins().jump(target, &args);
        self.reachable = false;
        Ok(())
    }

    fn br_if(&mut self, relative_depth: u32) -> Result<()> {
        let condition = self.pop();
        self.branch_if(condition, relative_depth)
    }

    /// Branches if `condition` isn't zero, with the values on top of the operand stack, which
    /// stay there for where it doesn't.
    pub(super) fn branch_if(&mut self, condition: Value, relative_depth: u32) -> Result<()> {
        let (target, arity) = self.branch_target(relative_depth);
        self.pass_values(arity)?;
        let args = self.peek_block_args(arity);
        let next = self.builder.create_block();
        self.builder.ins().brif(condition, target, &args, next, &[]);
        self.builder.seal_block(next);
        self.builder.switch_to_block(next);
        Ok(())
    }

    fn br_table(&mut self, targets: &BrTable<'_>) -> Result<()> {
        let index = self.pop();
        let (default, arity) = self.branch_target(targets.default());
        self.pass_values(arity.saturating_mul(targets.len() as usize + 1))?;
        // All targets take the same number of values, of the same types.
        let args = self.peek_block_args(arity);
        let default = self.builder.func.dfg.block_call(default, &args);
        let mut entries = Vec::new();
        for depth in targets.targets() {
            let (target, _) = self.branch_target(depth.map_err(Error::from)?);
            entries.push(self.builder.func.dfg.block_call(target, &args));
        }
        let table = self
            .builder
            .create_jump_table(JumpTableData::new(default, &entries));
        self.builder.ins().br_table(index, table);
        self.reachable = false;
        Ok(())
    }

    /// Returns the top values; out of an inlined call, that is a branch.
    pub(super) fn return_(&mut self) -> Result<()> {
        if self.function_frame > 0 {
            return self.br((self.control.len() - 1 - self.function_frame) as u32);
        }
        self.return_values(self.control[0].results);
        Ok(())
    }

    fn return_values(&mut self, count: usize) {
        self.store_fuel();
        let values = self.peek_passable(count);
        self.builder.ins().return_(&values);
        self.reachable = false;
    }

    fn unreachable(&mut self) {
        let code = trap::to_cranelift(TrapCode::Unreachable);
        self.builder.ins().trap(code);
        self.reachable = false;
    }

    fn push_block_params(&mut self, block: Block) {
        self.stack
            .extend_from_slice(self.builder.block_params(block));
    }
}

impl Frame {
    /// A block opened where control can't go. Nothing jumps to it.
    pub(super) fn unreachable() -> Frame {
        Frame {
            kind: FrameKind::Unreachable,
            height: 0,
            results: 0,
            end: Block::from_u32(0),
            end_is_target: false,
        }
    }
}
