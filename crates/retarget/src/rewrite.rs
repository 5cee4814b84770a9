//! Encodes the module again with the pointer in slot 0.
//!
//! Function indices: imported ones stay, the two new imports follow them, the
//! module's own move up by two, and the hook comes last (then the wrapper of
//! `start`, if there is one). Types are appended. No other index changes.

use crate::error::{Error, Result, UnfitGlobal, Warning};
use crate::hook::{self, Callees};
use crate::stack_global::{Allocation, StackPointer};
use crate::survey::{Survey, TASK_HOOK};
use crate::{Report, Retargeted};
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{
    CodeSection, ConstExpr, EntityType, ExportKind, ExportSection, FunctionSection, GlobalSection,
    GlobalType, ImportSection, Instruction, Module, NameSection, SectionId, TypeSection, ValType,
};
use wasmparser::{CustomSectionReader, Name, Operator, Parser};

/// The module name under which `wit-component` knows intrinsics.
const INTRINSICS: &str = "$root";
const CONTEXT_GET: &str = "[context-get-0]";
const CONTEXT_SET: &str = "[context-set-0]";

/// What the name section calls the global from now on.
const FLAG_NAME: &str = "__main_stack_taken";

/// Rewrites a module.
pub(crate) fn rewrite(wasm: &[u8], survey: &Survey, stack: &StackPointer) -> Result<Retargeted> {
    let mut rewriter = Rewriter::new(survey, stack);
    let mut module = Module::new();
    rewriter
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|e| Error::Reencode(e.to_string()))?;
    if rewriter.other_uses > 0 {
        return Err(Error::UnfitGlobal {
            global: stack.global,
            reason: UnfitGlobal::OtherUse,
        });
    }
    let mut warnings = stack.warnings.clone();
    warnings.append(&mut section_warnings(survey));
    warnings.extend(destructor_warning(survey, stack));
    Ok(Retargeted {
        module: module.finish(),
        report: Report {
            global: stack.global,
            stack_top: stack.stack_top,
            main_top: stack.main_top,
            gets: rewriter.gets,
            sets: rewriter.sets,
            allocates: stack.allocation.is_some(),
            warnings,
        },
    })
}

/// What the methods of [`Reencode`] return.
type Reencoded<T> = std::result::Result<T, reencode::Error>;

/// The sections that are written though the input may lack them, in order.
const NEEDED: [SectionId; 5] = [
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Export,
    SectionId::Code,
];

struct Rewriter<'a> {
    survey: &'a Survey,
    stack: &'a StackPointer,
    callees: Callees,
    /// Index of the hook.
    hook: u32,
    /// Index of the first appended type, `[] -> [i32]`; then `[i32] -> []`, and
    /// `[] -> []` for the wrapper of `start`.
    new_types: u32,
    /// Index of the global that comes next in the global section.
    next_global: u32,
    /// How many of [`NEEDED`] are written.
    written: usize,
    gets: u32,
    sets: u32,
    /// How often anything but `global.get` and `global.set` names the pointer.
    other_uses: u32,
}

impl<'a> Rewriter<'a> {
    fn new(survey: &'a Survey, stack: &'a StackPointer) -> Self {
        let moved = |func| moved(func, survey.imported_funcs);
        let malloc_free = stack.allocation.map(
            |Allocation {
                 malloc,
                 free,
                 bytes,
             }| { (moved(malloc), moved(free), bytes.cast_signed()) },
        );
        Self {
            survey,
            stack,
            callees: Callees {
                context_get: survey.imported_funcs,
                context_set: survey.imported_funcs + 1,
                malloc_free,
            },
            hook: survey.imported_funcs + 2 + survey.defined_funcs,
            new_types: survey.types,
            next_global: survey.imported_globals,
            written: 0,
            gets: 0,
            sets: 0,
            other_uses: 0,
        }
    }

    fn append_types(&self, types: &mut TypeSection) {
        types.ty().function([], [ValType::I32]);
        types.ty().function([ValType::I32], []);
        if self.survey.start.is_some() {
            types.ty().function([], []);
        }
    }

    fn append_imports(&self, imports: &mut ImportSection) {
        let get = EntityType::Function(self.new_types);
        let set = EntityType::Function(self.new_types + 1);
        imports.import(INTRINSICS, CONTEXT_GET, get);
        imports.import(INTRINSICS, CONTEXT_SET, set);
    }

    fn append_functions(&self, functions: &mut FunctionSection) {
        functions.function(self.new_types + 1);
        if self.survey.start.is_some() {
            functions.function(self.new_types + 2);
        }
    }

    fn append_exports(&self, exports: &mut ExportSection) {
        exports.export(TASK_HOOK, ExportKind::Func, self.hook);
    }

    fn append_code(&self, code: &mut CodeSection) {
        code.function(&hook::task_hook(self.stack, &self.callees));
        if let Some(start) = self.survey.start {
            let start = moved(start, self.survey.imported_funcs);
            code.function(&hook::start_wrapper(self.hook, start));
        }
    }

    /// Writes a needed section that the input doesn't have.
    fn write_alone(&self, module: &mut Module, section: SectionId) {
        match section {
            SectionId::Type => {
                let mut types = TypeSection::new();
                self.append_types(&mut types);
                module.section(&types);
            }
            SectionId::Import => {
                let mut imports = ImportSection::new();
                self.append_imports(&mut imports);
                module.section(&imports);
            }
            SectionId::Function => {
                let mut functions = FunctionSection::new();
                self.append_functions(&mut functions);
                module.section(&functions);
            }
            SectionId::Export => {
                let mut exports = ExportSection::new();
                self.append_exports(&mut exports);
                module.section(&exports);
            }
            SectionId::Code => {
                let mut code = CodeSection::new();
                self.append_code(&mut code);
                module.section(&code);
            }
            // Not one of `NEEDED`.
            _ => {}
        }
    }

    /// Names for functions, with the new ones among them in index order.
    fn function_names(&self, map: wasmparser::NameMap<'_>) -> Reencoded<wasm_encoder::NameMap> {
        let mut names = wasm_encoder::NameMap::new();
        let mut added = vec![
            (self.callees.context_get, CONTEXT_GET),
            (self.callees.context_set, CONTEXT_SET),
            (self.hook, TASK_HOOK),
        ];
        if self.survey.start.is_some() {
            added.push((self.hook + 1, "__wasm_start_with_stack"));
        }
        let mut added = added.into_iter().peekable();
        for naming in map {
            let naming = naming?;
            let index = moved(naming.index, self.survey.imported_funcs);
            while let Some((new, name)) = added.next_if(|(new, _)| *new < index) {
                names.append(new, name);
            }
            names.append(index, naming.name);
        }
        for (new, name) in added {
            names.append(new, name);
        }
        Ok(names)
    }
}

/// Where a function is after the two imports were added.
fn moved(func: u32, imported: u32) -> u32 {
    if func < imported {
        func
    } else {
        func.saturating_add(2)
    }
}

impl Reencode for Rewriter<'_> {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, func: u32) -> Reencoded<u32> {
        Ok(moved(func, self.survey.imported_funcs))
    }

    fn global_index(&mut self, global: u32) -> Reencoded<u32> {
        self.other_uses += u32::from(global == self.stack.global);
        Ok(global)
    }

    fn start_section(&mut self, _start: u32) -> Reencoded<u32> {
        Ok(self.hook + 1)
    }

    fn instruction<'b>(&mut self, op: Operator<'b>) -> Reencoded<Instruction<'b>> {
        match op {
            Operator::GlobalGet { global_index } if global_index == self.stack.global => {
                self.gets += 1;
                Ok(Instruction::Call(self.callees.context_get))
            }
            Operator::GlobalSet { global_index } if global_index == self.stack.global => {
                self.sets += 1;
                Ok(Instruction::Call(self.callees.context_set))
            }
            op => utils::instruction(self, op),
        }
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_type_section(self, types, section)?;
        self.append_types(types);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_import_section(self, imports, section)?;
        self.append_imports(imports);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_function_section(self, functions, section)?;
        self.append_functions(functions);
        Ok(())
    }

    fn parse_global(
        &mut self,
        globals: &mut GlobalSection,
        global: wasmparser::Global<'_>,
    ) -> Reencoded<()> {
        let index = self.next_global;
        self.next_global += 1;
        if index != self.stack.global {
            return utils::parse_global(self, globals, global);
        }
        let ty = GlobalType {
            val_type: ValType::I32,
            mutable: true,
            shared: false,
        };
        globals.global(ty, &ConstExpr::i32_const(0));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_export_section(self, exports, section)?;
        self.append_exports(exports);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Reencoded<()> {
        utils::parse_code_section(self, code, section)?;
        self.append_code(code);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Reencoded<()> {
        while let Some(needed) = NEEDED.get(self.written) {
            match before {
                Some(before) if position(before) < position(*needed) => break,
                Some(before) if before == *needed => {
                    self.written += 1;
                    break;
                }
                _ => self.write_alone(module, *needed),
            }
            self.written += 1;
        }
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Reencoded<()> {
        match fate(section.name()) {
            Fate::Drop => Ok(()),
            Fate::Keep | Fate::KeepOutdated => utils::parse_custom_section(self, module, section),
        }
    }

    fn parse_custom_name_subsection(
        &mut self,
        names: &mut NameSection,
        subsection: Name<'_>,
    ) -> Reencoded<()> {
        match subsection {
            Name::Function(map) => {
                names.functions(&self.function_names(map)?);
            }
            Name::Global(map) => {
                let mut globals = wasm_encoder::NameMap::new();
                for naming in map {
                    let naming = naming?;
                    let is_flag = naming.index == self.stack.global;
                    globals.append(naming.index, if is_flag { FLAG_NAME } else { naming.name });
                }
                names.globals(&globals);
            }
            other => utils::parse_custom_name_subsection(self, names, other)?,
        }
        Ok(())
    }
}

/// A section's place in a module: not its number, for those added later.
fn position(section: SectionId) -> u8 {
    match section {
        SectionId::Custom => 0,
        SectionId::Type => 1,
        SectionId::Import => 2,
        SectionId::Function => 3,
        SectionId::Table => 4,
        SectionId::Memory => 5,
        SectionId::Tag => 6,
        SectionId::Global => 7,
        SectionId::Export => 8,
        SectionId::Start => 9,
        SectionId::Element => 10,
        SectionId::DataCount => 11,
        SectionId::Code => 12,
        SectionId::Data => 13,
    }
}

/// What becomes of a custom section.
enum Fate {
    Keep,
    /// Kept for a reader's sake, with addresses that are no longer right.
    KeepOutdated,
    /// Dropped, since an engine might act on what it says of the code.
    Drop,
}

fn fate(section: &str) -> Fate {
    if section.starts_with("metadata.code.") {
        Fate::Drop
    } else if section.starts_with(".debug_")
        || matches!(section, "sourceMappingURL" | "external_debug_info")
    {
        Fate::KeepOutdated
    } else {
        Fate::Keep
    }
}

fn section_warnings(survey: &Survey) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for section in &survey.custom_sections {
        let section = section.clone();
        match fate(&section) {
            Fate::Keep => {}
            Fate::KeepOutdated => warnings.push(Warning::CodeOffsetsMoved { section }),
            Fate::Drop => warnings.push(Warning::SectionDropped { section }),
        }
    }
    warnings
}

/// Tells of destructors that would trap where a second stack is needed.
fn destructor_warning(survey: &Survey, stack: &StackPointer) -> Option<Warning> {
    if stack.allocation.is_some() {
        return None;
    }
    let mut exports = survey.exported_funcs.keys();
    let export = exports.find(|name| name.contains("[dtor]"))?.clone();
    Some(Warning::DestructorWithoutMalloc { export })
}
