//! Machine code of an image for people to read.

use anyhow::{Context as _, Result, bail};
use capstone::Capstone;
use capstone::arch::{BuildsCapstone, arm64, x86};
use target_lexicon::{Architecture, Triple};
use threadline_environ::artifact::{CodeImage, Descriptions, FuncKey, FunctionRecord};
use threadline_environ::entity::EntityRef;
use threadline_environ::{DefinedFuncIndex, StaticModuleIndex};

/// One function's machine code.
#[derive(Clone, Debug)]
pub struct FunctionListing {
    /// What it is.
    pub key: FuncKey,
    /// Its name: `module::function` or what kind of trampoline it is.
    pub name: String,
    /// The offset in the wasm binary its first instruction with one was made from.
    pub wasm_offset: Option<u32>,
    /// Its instructions, in order.
    pub lines: Vec<Line>,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Line {
    /// Offset in the function's code.
    pub code_offset: u32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Mnemonic and operands; branches within the function and calls within the image by name.
    pub text: String,
    /// The offset in the wasm binary it was made from.
    pub wasm_offset: Option<u32>,
}

/// Disassembles the functions of an image, in text order.
///
/// # Errors
/// If the disassembler cannot be made for the target, or the code is not valid.
pub fn disassemble(
    image: &CodeImage,
    descriptions: &Descriptions,
    triple: &Triple,
) -> Result<Vec<FunctionListing>> {
    let capstone = disassembler(triple)?;
    let namer = Namer {
        image,
        descriptions,
    };
    image
        .functions
        .iter()
        .map(|record| listing(&capstone, &namer, record))
        .collect()
}

fn disassembler(triple: &Triple) -> Result<Capstone> {
    match triple.architecture {
        Architecture::X86_64 => Capstone::new().x86().mode(x86::ArchMode::Mode64).build(),
        Architecture::Aarch64(_) => Capstone::new().arm64().mode(arm64::ArchMode::Arm).build(),
        other => bail!("no disassembler for {other}"),
    }
    .map_err(|e| anyhow::anyhow!("cannot start the disassembler: {e}"))
}

fn listing(
    capstone: &Capstone,
    namer: &Namer<'_>,
    record: &FunctionRecord,
) -> Result<FunctionListing> {
    let name = namer.name(record.key);
    let range = record.start as usize..record.range().end as usize;
    let code = namer
        .image
        .text
        .get(range)
        .context("a function lies outside its image")?;
    let instructions = capstone
        .disasm_all(code, record.start.into())
        .map_err(|e| anyhow::anyhow!("cannot disassemble {name}: {e}"))?;
    let lines: Vec<Line> = instructions
        .iter()
        .map(|instruction| {
            let address = instruction.address() as u32;
            let mnemonic = instruction.mnemonic().unwrap_or("?");
            let operands = instruction.op_str().unwrap_or("");
            let operands = namer.operands(record, mnemonic, operands);
            Line {
                code_offset: address - record.start,
                bytes: instruction.bytes().to_vec(),
                text: format!("{mnemonic} {operands}").trim_end().to_owned(),
                wasm_offset: namer.image.addresses.view().lookup(address),
            }
        })
        .collect();
    Ok(FunctionListing {
        key: record.key,
        name,
        wasm_offset: lines.iter().find_map(|line| line.wasm_offset),
        lines,
    })
}

/// Knows what code addresses and keys are called.
struct Namer<'a> {
    image: &'a CodeImage,
    descriptions: &'a Descriptions,
}

impl Namer<'_> {
    fn name(&self, key: FuncKey) -> String {
        match key {
            FuncKey::Wasm(module, func) => self.wasm_name(module, func),
            FuncKey::HostToWasm(ty) => {
                format!("host-to-wasm {}", self.descriptions.signatures[ty])
            }
            FuncKey::WasmToHost(ty) => {
                format!("wasm-to-host {}", self.descriptions.signatures[ty])
            }
            FuncKey::Intrinsic(intrinsic) => format!("intrinsic {}", intrinsic.name()),
            FuncKey::Builtin(builtin) => format!("builtin {}", builtin.name()),
            FuncKey::Trampoline(index) => match &self.descriptions.component {
                Some(component) => {
                    format!(
                        "trampoline[{}] {:?}",
                        index.index(),
                        component.trampolines[index]
                    )
                }
                None => format!("trampoline[{}]", index.index()),
            },
        }
    }

    fn wasm_name(&self, module_index: StaticModuleIndex, func: DefinedFuncIndex) -> String {
        let module = &self.descriptions.modules[module_index];
        let index = module.func_index(func);
        let module_name = match (&module.name, self.descriptions.modules.len()) {
            (Some(name), _) => name.clone(),
            (None, 1) => String::new(),
            (None, _) => format!("module[{}]", module_index.index()),
        };
        let separator = if module_name.is_empty() { "" } else { "::" };
        match module.func_name(index) {
            Some(name) => format!("{module_name}{separator}{name}"),
            None => format!("{module_name}{separator}func[{}]", index.index()),
        }
    }

    /// Operands with the absolute target of a branch or call made readable, so that listings
    /// don't change with what else is in the image.
    fn operands(&self, record: &FunctionRecord, mnemonic: &str, operands: &str) -> String {
        let is_branch = mnemonic.starts_with('j')
            || mnemonic.starts_with('b')
            || mnemonic.starts_with("call")
            || mnemonic.starts_with("cb")
            || mnemonic.starts_with("tb");
        let Some((start, target)) = branch_target(operands).filter(|_| is_branch) else {
            return operands.to_owned();
        };
        let shown = if record.range().contains(&target) {
            format!("{:#x}", target - record.start)
        } else {
            match self.image.function_at(target) {
                Some(callee) => format!("<{}>", self.name(callee.key)),
                None => return operands.to_owned(),
            }
        };
        format!("{}{shown}", &operands[..start])
    }
}

/// The last operand as an address, and where it starts.
fn branch_target(operands: &str) -> Option<(usize, u32)> {
    let start = operands.rfind(' ').map_or(0, |space| space + 1);
    let digits = operands[start..].trim_start_matches('#');
    let target = match digits.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some((start, target))
}
