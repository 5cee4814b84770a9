//! Large modules from small ones: the functions of a module, many times over.
//!
//! Each copy calls its own, so the copies are alike in all but where their callees are. Tables,
//! exports and the start function stay those of the first copy. So a large module is like the
//! small one in everything that compiling it may depend on, but for its size.

use anyhow::{Context as _, Result};
use wasm_encoder::reencode::{self, Error, Reencode};

/// A module with the functions of `module` so many times over, each with a name if it had one.
pub(crate) fn repeat(module: &[u8], times: u32) -> Result<Vec<u8>> {
    let mut repeat = Repeat {
        times,
        imported: 0,
        defined: 0,
        shift: 0,
    };
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        match payload? {
            wasmparser::Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let is_function = matches!(import?.ty, wasmparser::TypeRef::Func(_));
                    repeat.imported += u32::from(is_function);
                }
            }
            wasmparser::Payload::FunctionSection(functions) => repeat.defined = functions.count(),
            _ => {}
        }
    }
    let mut result = wasm_encoder::Module::new();
    repeat
        .parse_core_module(&mut result, wasmparser::Parser::new(0), module)
        .context("cannot repeat a module")?;
    Ok(result.finish())
}

/// The module being repeated.
struct Repeat {
    times: u32,
    /// How many functions it imports.
    imported: u32,
    /// How many functions it has itself.
    defined: u32,
    /// What is added to the index of a function that isn't imported: not zero in copies only.
    shift: u32,
}

type Infallible<T = ()> = std::result::Result<T, Error<std::convert::Infallible>>;

impl Repeat {
    /// Does something for each copy.
    fn each(&mut self, mut copy: impl FnMut(&mut Repeat) -> Infallible) -> Infallible {
        for i in 0..self.times {
            self.shift = i * self.defined;
            copy(self)?;
        }
        self.shift = 0;
        Ok(())
    }
}

impl Reencode for Repeat {
    type Error = std::convert::Infallible;

    fn function_index(&mut self, index: u32) -> Infallible<u32> {
        Ok(match index < self.imported {
            true => index,
            false => index + self.shift,
        })
    }

    fn parse_function_section(
        &mut self,
        functions: &mut wasm_encoder::FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Infallible {
        self.each(|repeat| {
            reencode::utils::parse_function_section(repeat, functions, section.clone())
        })
    }

    fn parse_code_section(
        &mut self,
        code: &mut wasm_encoder::CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Infallible {
        self.each(|repeat| reencode::utils::parse_code_section(repeat, code, section.clone()))
    }

    fn parse_custom_name_subsection(
        &mut self,
        names: &mut wasm_encoder::NameSection,
        section: wasmparser::Name<'_>,
    ) -> Infallible {
        let functions = match section {
            wasmparser::Name::Function(functions) => functions,
            // Of locals there are too many.
            wasmparser::Name::Local(_) => return Ok(()),
            other => return reencode::utils::parse_custom_name_subsection(self, names, other),
        };
        let mut map = wasm_encoder::NameMap::new();
        self.each(|repeat| {
            for naming in functions.clone() {
                let naming = naming?;
                if repeat.shift == 0 {
                    map.append(naming.index, naming.name);
                } else if naming.index >= repeat.imported {
                    let index = naming.index + repeat.shift;
                    map.append(index, &format!("{}.{index}", naming.name));
                }
            }
            Ok(())
        })?;
        names.functions(&map);
        Ok(())
    }
}
