//! Writes a flattened component out as text.

use std::fmt::Write;
use threadline_environ::component::{
    Argument, ConcurrencyBuiltin, CoreDef, CoreExport, EndOp, EndType, Export, ImportSource,
    PlainBuiltin, Step, Trampoline,
};
use threadline_environ::entity::EntityRef;
use threadline_environ::module::KnownImport;
use threadline_environ::{EntityIndex, Features, RuntimeImportIndex, Translation};

/// Checks the program of a component against lines, whatever their indentation.
#[track_caller]
pub(crate) fn check(wat: &str, expected: &str) {
    let bytes = wat::parse_str(wat).unwrap();
    let translation = match Translation::parse(&bytes, Features::default()) {
        Ok(translation) => translation,
        Err(error) => panic!("refused: {error}"),
    };
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    let program = program(&translation);
    assert!(
        program.lines().eq(expected.iter().copied()),
        "expected:\n{}\n\ngot:\n{program}",
        expected.join("\n")
    );
}

/// What the one known import of a component is.
#[track_caller]
pub(crate) fn known(wat: &str) -> Option<String> {
    let bytes = wat::parse_str(wat).unwrap();
    let translation = match Translation::parse(&bytes, Features::default()) {
        Ok(translation) => translation,
        Err(error) => panic!("refused: {error}"),
    };
    let program = program(&translation);
    let mut lines = program.lines().filter(|line| line.starts_with("known "));
    let (_, known) = lines.next()?.split_once(": ")?;
    lines.next().is_none().then(|| known.to_owned())
}

/// Checks that a component is refused with just this error, less the offset.
#[track_caller]
pub(crate) fn check_refused(wat: &str, expected: &str) {
    let bytes = wat::parse_str(wat).unwrap();
    match Translation::parse(&bytes, Features::default()) {
        Ok(_) => panic!("accepted, but expected: {expected}"),
        Err(error) => {
            let error = error.to_string();
            let message = error.split(" (at offset 0x").next().unwrap_or_default();
            assert_eq!(message, expected);
        }
    }
}

/// The program, a line a step, export and known import.
pub(crate) fn program(translation: &Translation<'_>) -> String {
    let component = translation.component.as_ref().unwrap();
    let mut out = String::new();
    for step in &component.steps {
        match step {
            Step::Resource { index } => writeln!(out, "make {index}"),
            Step::Instantiate {
                instance,
                component_instance,
                module,
                args,
            } => {
                let args: Vec<String> = args.iter().map(|arg| def(*arg)).collect();
                let args = args.join(", ");
                let name = &translation.modules[*module].module.name;
                let name = match name {
                    Some(name) => format!(" `{name}`"),
                    None => String::new(),
                };
                writeln!(
                    out,
                    "instantiate {instance} = {module}{name} in {component_instance} ({args})"
                )
            }
            Step::InstantiateImported {
                instance,
                component_instance,
                module,
                args,
            } => {
                let args: Vec<String> = args.iter().map(|arg| def(*arg)).collect();
                let args = args.join(", ");
                writeln!(
                    out,
                    "instantiate {instance} = {module} in {component_instance} ({args})"
                )
            }
            Step::ExtractMemory { index, export } => {
                writeln!(out, "memory {index} = {}", core_export(*export))
            }
            Step::ExtractRealloc { index, def: d } => {
                writeln!(out, "realloc {index} = {}", def(*d))
            }
            Step::ExtractPostReturn { index, def: d } => {
                writeln!(out, "post-return {index} = {}", def(*d))
            }
            Step::ExtractCallback { index, def: d } => {
                writeln!(out, "callback {index} = {}", def(*d))
            }
            Step::ExtractTable { index, export } => {
                writeln!(out, "table {index} = {}", core_export(*export))
            }
            Step::ExtractTaskAdapter { index } => {
                let adapter = &component.task_adapters[*index];
                let (start, return_) = (def(adapter.start), def(adapter.return_));
                let (lift, lower) = (adapter.lift, adapter.lower);
                writeln!(
                    out,
                    "task {index} = {start} and {return_}, {lift} to {lower}"
                )
            }
            Step::InstantiateComponent {
                instance,
                component,
                args,
            } => {
                let args: Vec<String> = args.iter().map(argument).collect();
                let args = args.join(", ");
                writeln!(out, "instantiate {instance} = {component} ({args})")
            }
            Step::LowerImport { index, import, .. } => {
                writeln!(out, "lower {index} = {}", path(translation, *import))
            }
        }
        .unwrap();
    }
    exports(&component.exports, "export ", &mut out);
    for (index, module) in translation.modules.iter() {
        for (func, known) in &module.known_imports {
            let known = match known {
                KnownImport::Intrinsic(intrinsic) => intrinsic.name(),
                KnownImport::Wasm(module, func) => format!("{module} {func}"),
                KnownImport::Trampoline(index) => match &component.trampolines[*index] {
                    Trampoline::Trap { code, .. } => format!("trap {code:?}"),
                    Trampoline::Transcode {
                        transcode,
                        from,
                        to,
                        ..
                    } => format!("{} {from} {to}", transcode.name()),
                    trampoline => concurrency(translation, trampoline).unwrap_or(index.to_string()),
                },
            };
            writeln!(out, "known {index} {func}: {known}").unwrap();
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A trampoline that has to do with concurrency: whose, which, and its core type.
fn concurrency(translation: &Translation<'_>, trampoline: &Trampoline) -> Option<String> {
    let signature = &translation.signatures[trampoline.signature()];
    Some(match trampoline {
        Trampoline::Concurrency {
            builtin, instance, ..
        } => {
            let known = match builtin {
                ConcurrencyBuiltin::Plain(PlainBuiltin::SubtaskCancel { async_: true })
                | ConcurrencyBuiltin::End {
                    op: EndOp::CancelRead { async_: true } | EndOp::CancelWrite { async_: true },
                    ..
                } => " async".to_owned(),
                ConcurrencyBuiltin::Plain(_) | ConcurrencyBuiltin::End { .. } => String::new(),
                ConcurrencyBuiltin::TaskReturn { options, .. }
                | ConcurrencyBuiltin::Copy { options, .. }
                | ConcurrencyBuiltin::ErrorContext { options, .. } => format!(" {options}"),
                ConcurrencyBuiltin::WaitableSet { memory, .. } => format!(" {memory}"),
                ConcurrencyBuiltin::ThreadNewIndirect { table, .. } => format!(" {table}"),
            };
            let ty = match builtin {
                ConcurrencyBuiltin::End { ty, .. } | ConcurrencyBuiltin::Copy { ty, .. } => {
                    match ty {
                        EndType::Stream(index) => format!(" {index}"),
                        EndType::Future(index) => format!(" {index}"),
                    }
                }
                _ => String::new(),
            };
            format!("{}{ty}{known} in {instance}: {signature}", builtin.name())
        }
        Trampoline::TaskCall { adapter, .. } => format!("call {adapter}: {signature}"),
        Trampoline::Transfer { op, instance, .. } => {
            format!("{} in {instance}: {signature}", op.name())
        }
        Trampoline::BorrowScope { op, .. } => op.name().to_owned(),
        _ => return None,
    })
}

fn argument((name, argument): &(String, Argument)) -> String {
    let what = match argument {
        Argument::ImportedFunction(index) => index.to_string(),
        Argument::LiftedFunction { func, options, .. } => format!("lift {} {options}", def(*func)),
        Argument::Instance(list) => {
            let list: Vec<_> = list.iter().map(self::argument).collect();
            format!("{{{}}}", list.join(", "))
        }
        Argument::Type(_) => "type".to_owned(),
        Argument::Module(module) => format!("{module:?}"),
        Argument::Component(component) => format!("{component:?}"),
    };
    format!("{name}: {what}")
}

fn exports(list: &[(String, Export)], prefix: &str, out: &mut String) {
    for (name, export) in list {
        match export {
            Export::LiftedFunction { func, options, .. } => {
                writeln!(out, "{prefix}{name}: lift {} {options}", def(*func)).unwrap();
            }
            Export::Instance(list) => exports(list, &format!("{prefix}{name} / "), out),
            Export::Type(_) => writeln!(out, "{prefix}{name}: type").unwrap(),
            Export::Module(module, _) => writeln!(out, "{prefix}{name}: {module:?}").unwrap(),
            Export::Component(component) => {
                writeln!(out, "{prefix}{name}: {component:?}").unwrap();
            }
        }
    }
}

fn path(translation: &Translation<'_>, index: RuntimeImportIndex) -> String {
    let component = translation.component.as_ref().unwrap();
    let import = &component.runtime_imports[index];
    let mut text = match import.from {
        ImportSource::Host(index) => index.to_string(),
        ImportSource::Instance(index) => index.to_string(),
    };
    for name in &import.path {
        write!(text, " / {name}").unwrap();
    }
    text
}

fn def(def: CoreDef) -> String {
    match def {
        CoreDef::Export(export) => core_export(export),
        CoreDef::Trampoline(index) => index.to_string(),
        CoreDef::Flags(index) => format!("flags of {}", index.index()),
    }
}

fn core_export(export: CoreExport) -> String {
    let entity = match export.entity {
        EntityIndex::Func(index) => index.to_string(),
        EntityIndex::Table(index) => index.to_string(),
        EntityIndex::Memory(index) => index.to_string(),
        EntityIndex::Global(index) => index.to_string(),
        EntityIndex::Tag(index) => index.to_string(),
    };
    format!("{}.{entity}", export.instance)
}
