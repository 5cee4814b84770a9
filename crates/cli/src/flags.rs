//! The command line's arguments, and what `--help` says about them.

use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use threadline::{Config, ContextLowering, Features, OptLevel, Proposal, Schedule};

/// Bytes of the stacks of asynchronous calls: wasm has as much of each as it has of a thread's, 512 KiB, for
/// the command runs one program.
const ASYNC_STACK: usize = 536 << 10;

/// Runs WebAssembly components and modules.
#[derive(Parser)]
#[command(
    name = "threadline",
    version,
    about = "Runs WebAssembly components and modules",
    long_about = "Runs WebAssembly components and modules.\n\n\
        Files may be binaries (.wasm) or text (.wat). The exit status is 0 if all went well, \
        134 if a guest trapped, and 1 for any other error.",
    after_help = "Examples:\n  \
        threadline run add.wasm --invoke 'add(1, 2)'\n  \
        threadline wast tests/\n  \
        threadline objdump add.wat --function add"
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands. Their long descriptions are here: those of the arguments' types would lose to the
/// comments on the variants.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a component or core module, or call one of its functions
    #[command(
        long_about = "Run a component or core module, or call one of its functions.\n\n\
        With --invoke the function is called and its result alone is printed on the standard \
        output. Without it, a core module's `_start` is called if there is one, and otherwise \
        the module is only instantiated; a component has no such function, so the functions \
        that can be invoked are listed as an error.\n\n\
        The command provides no imports. With -W unknown-imports-trap, functions that are \
        imported trap when they are called: the error names the import, and the exit status is 1."
    )]
    Run(RunArgs),
    /// Call a component's function under many schedules, and tell whether the result depends on it
    #[command(
        long_about = "Call a component's function under many schedules, and tell whether the result \
        depends on it.\n\n\
        The component model leaves open which of several threads runs next, which event is \
        delivered first, and more. The call is made first come, first served, and then under the \
        schedules `seed=0`, `seed=1` and so on, each in a store of its own, until a result, a trap or \
        a deadlock is not that of the first. If that happens, how to see it again is printed and \
        the exit status is 1; if all are the same, it is 0."
    )]
    Explore(ExploreArgs),
    /// Compile a component or core module to a file that `run` starts at once
    #[command(
        long_about = "Compile a component or core module to a file that `run` starts at once.\n\n\
        The file is for this version of Threadline, for processors like this one, and for the \
        options given; `run` needs the same, and says so if something differs. It is native code, \
        which nothing confines when it is executed: `run` and `explore` execute it only with \
        --allow-precompiled. Use none from people you wouldn't run a program of.\n\n\
        The file's path, its size and how long compiling took are printed on the standard error."
    )]
    Compile(CompileArgs),
    /// Run .wast scripts and count what passes
    #[command(long_about = "Run .wast scripts and count what passes.\n\n\
        Folders are searched for .wast files, at any depth, in alphabetical order. Each failure \
        is printed as `file:line: what went wrong`, then `N passed, M failed`, where directives \
        are counted. The exit status is 1 if any failed.\n\n\
        Unlike the other commands, this one accepts every proposal that is built; \
        -W PROPOSAL=no switches one off.")]
    Wast(WastArgs),
    /// Show the machine code that a file is compiled to
    #[command(long_about = "Show the machine code that a file is compiled to.\n\n\
        Each function has a heading, its name and where in the wasm binary it begins; each \
        instruction a line: its offset in the function, its bytes, the offset in the wasm \
        binary it was made from, and its text.")]
    Objdump(ObjdumpArgs),
    /// Make a component whose shadow-stack pointer is in a context slot
    #[command(
        long_about = "Make a component whose shadow-stack pointer is in a context slot.\n\n\
        Reads a core module from a toolchain that keeps the shadow-stack pointer in a global, \
        as LLVM's do, moves the pointer to slot 0 of the component model's context, and makes a \
        component of the module, for the world that --wit and --world name."
    )]
    Retarget(RetargetArgs),
    /// Print a script that completes this command's arguments in a shell
    Completions(CompletionsArgs),
}

impl Command {
    /// Checks what the parser of arguments can't: that options are for this command.
    ///
    /// # Errors
    /// If an option is for other commands.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Command::Compile(args) => args.codegen.without_linking("compile"),
            Command::Wast(args) => args.codegen.without_linking("wast"),
            Command::Objdump(args) => args.codegen.without_linking("objdump"),
            Command::Run(_)
            | Command::Explore(_)
            | Command::Retarget(_)
            | Command::Completions(_) => Ok(()),
        }
    }
}

/// Arguments of `run`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
        threadline run hello.wasm\n  \
        threadline run server.wasm -W unknown-imports-trap --invoke 'version()'\n  \
        threadline run add.wasm --invoke 'add(1, 2)'\n  \
        threadline run text.wasm --invoke 'shout(\"hello\")'\n  \
        threadline run calc.wasm --invoke 'docs:calc/ops@1.0.0#add(1, 2)'")]
pub(crate) struct RunArgs {
    /// The component or core module: binary, text, or, with --allow-precompiled, what `compile` made
    /// of one
    pub(crate) file: PathBuf,
    /// Whether it may be native code.
    #[command(flatten)]
    pub(crate) precompiled: PrecompiledArgs,
    /// Call a function: its name, then its arguments in WAVE, the component model's notation
    /// for values
    ///
    /// Numbers, "strings", 'c'haracters, true, [1, 2, 3], {flag-a, flag-b} and enum-case are
    /// values. A function of an exported instance is written `instance#function(…)`. A core
    /// function takes numbers; several results are printed as a tuple.
    #[arg(long, value_name = "CALL")]
    pub(crate) invoke: Option<String>,
    /// Who decides which thread runs next and whatever else the component model leaves open:
    /// `fifo`, first come, first served, or `seed=N`, a generator of pseudo-random numbers
    #[arg(long, value_name = "SCHEDULE", default_value = "fifo")]
    pub(crate) schedule: Schedule,
    /// Write what tasks and threads do to this file, as trace events in JSON that Perfetto and
    /// Chrome's `about:tracing` show on a time line
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// How code is generated.
    #[command(flatten)]
    pub(crate) codegen: CodegenArgs,
}

/// Whether native code may be executed, of commands that would.
#[derive(Args, Copy, Clone)]
pub(crate) struct PrecompiledArgs {
    /// Execute a file that `compile` made. It is native code that nothing confines: allow it only for
    /// files from people whose programs you would run
    #[arg(long)]
    pub(crate) allow_precompiled: bool,
}

/// Arguments of `explore`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
        threadline explore bank.wasm --invoke 'transfers(10)'\n  \
        threadline explore bank.wasm --invoke 'transfers(10)' --schedules 100000 --trace race.json")]
pub(crate) struct ExploreArgs {
    /// The component: binary, text, or, with --allow-precompiled, what `compile` made of one
    pub(crate) file: PathBuf,
    /// Whether it may be native code.
    #[command(flatten)]
    pub(crate) precompiled: PrecompiledArgs,
    /// The function to call, as of `run`
    #[arg(long, value_name = "CALL")]
    pub(crate) invoke: String,
    /// How many schedules to try
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) schedules: u64,
    /// Write what tasks and threads do under the schedule that differs to this file, as of `run`
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// How code is generated.
    #[command(flatten)]
    pub(crate) codegen: CodegenArgs,
}

/// Arguments of `compile`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
        threadline compile add.wasm\n  \
        threadline compile add.wasm -o /var/cache/add.cwasm")]
pub(crate) struct CompileArgs {
    /// The component or core module, binary or text
    pub(crate) file: PathBuf,
    /// Where to write; the input's name with the extension `cwasm` if left out
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How code is generated.
    #[command(flatten)]
    pub(crate) codegen: CodegenArgs,
}

/// Arguments of `wast`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
        threadline wast tests/ more.wast\n  \
        threadline wast -W custom-page-sizes=no tests/\n  \
        threadline wast --json -C context-lowering=inline tests/")]
pub(crate) struct WastArgs {
    /// Scripts, or folders to search for them
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Accept any message where an assertion names one
    #[arg(long)]
    pub(crate) ignore_messages: bool,
    /// Print one JSON object instead: `passed`, `failed` and `failures`, a list of objects with
    /// `file`, `line`, `column` and `message`
    #[arg(long)]
    pub(crate) json: bool,
    /// Who decides what the component model leaves open: `fifo`, first come, first served, or
    /// `seed=N`, a generator of pseudo-random numbers
    #[arg(long, value_name = "SCHEDULE", default_value = "fifo")]
    pub(crate) schedule: Schedule,
    /// How code is generated.
    #[command(flatten)]
    pub(crate) codegen: CodegenArgs,
}

/// Arguments of `objdump`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
        threadline objdump add.wasm\n  \
        threadline objdump fib.wat --function '^fib' -C context-lowering=inline\n  \
        threadline objdump fib.wat --target aarch64")]
pub(crate) struct ObjdumpArgs {
    /// The component or core module, binary or text
    pub(crate) file: PathBuf,
    /// Show only functions whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub(crate) function: Option<regex::Regex>,
    /// The processor to generate code for; this machine's if left out
    #[arg(long, value_name = "CPU", value_parser = ["x86_64", "aarch64"])]
    pub(crate) target: Option<String>,
    /// How code is generated.
    #[command(flatten)]
    pub(crate) codegen: CodegenArgs,
}

/// Arguments of `retarget`.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
        threadline retarget app.wasm -o app.component.wasm --wit wit/ --world app\n  \
        threadline retarget app.wasm -o app.global.wasm --wit wit/ --keep-global")]
pub(crate) struct RetargetArgs {
    /// The core module, binary or text
    pub(crate) input: PathBuf,
    /// Where to write the component
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// A WIT file, or a folder of them; without it the module must carry its world in a
    /// `component-type` section
    #[arg(long, value_name = "PATH")]
    pub(crate) wit: Option<PathBuf>,
    /// The world, if the WIT has several
    #[arg(long, value_name = "NAME", requires = "wit")]
    pub(crate) world: Option<String>,
    /// The index of the global that holds the pointer, if it is not to be searched for
    #[arg(long, value_name = "N")]
    pub(crate) global: Option<u32>,
    /// Leave the pointer in its global, and just make the component
    #[arg(long)]
    pub(crate) keep_global: bool,
}

/// Arguments of `completions`.
#[derive(Args)]
#[command(after_help = "Example:\n  \
    threadline completions bash > ~/.local/share/bash-completion/completions/threadline")]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

/// How code is generated: the `-C` options.
#[derive(Args)]
pub(crate) struct CodegenArgs {
    /// Set an option of the code generator; may be given several times
    ///
    /// `context-lowering=libcall|out-of-line|inline|pinned`: how the built-ins context.get and
    /// context.set are compiled, from the costliest to the cheapest.
    /// `opt-level=0|2`: generate code quickly, or generate quick code.
    #[arg(
        short = 'C',
        value_name = "OPTION=VALUE",
        value_parser = PossibleValuesParser::new([
            "context-lowering=libcall",
            "context-lowering=out-of-line",
            "context-lowering=inline",
            "context-lowering=pinned",
            "opt-level=0",
            "opt-level=2",
        ]).try_map(|text| text.parse::<CodegenOption>())
    )]
    options: Vec<CodegenOption>,
    /// Accept a proposal or not, or say how imports are linked; may be given several times
    ///
    /// `unknown-imports-trap`, of `run` and `explore`: functions that are imported, and that nothing
    /// provides, trap when they are called.
    ///
    /// Proposals: `mutable-global`, `saturating-float-to-int`, `sign-extension`, `multi-value`,
    /// `bulk-memory`, `reference-types`, `simd`, `relaxed-simd`, `tail-call`, `extended-const`,
    /// `multi-memory`, `memory64`, `threads`, `exceptions`, `function-references`, `gc`,
    /// `custom-page-sizes`, `wide-arithmetic`, `component-model`, `component-model-async`,
    /// `component-model-async-stackful`, `component-model-more-async-builtins`,
    /// `component-model-threading`, `component-model-error-context`,
    /// `component-model-fixed-length-lists`, `component-model-map`, `component-model-64`,
    /// `component-model-forward`, `component-model-implements`.
    #[arg(short = 'W', value_name = "PROPOSAL=yes|no|unknown-imports-trap")]
    wasm: Vec<WasmOption>,
}

/// One `-W` option.
#[derive(Copy, Clone)]
pub(crate) enum WasmOption {
    /// A proposal, and whether it is accepted.
    Proposal(Proposal, bool),
    /// Whether functions that are imported, and that nothing provides, trap when they are called.
    UnknownImportsTrap(bool),
}

/// The name of [`WasmOption::UnknownImportsTrap`].
const UNKNOWN_IMPORTS_TRAP: &str = "unknown-imports-trap";

impl FromStr for WasmOption {
    type Err = String;

    fn from_str(text: &str) -> Result<WasmOption, String> {
        let (name, enable) = match text.split_once('=') {
            Some((name, "yes")) => (name, true),
            Some((name, "no")) => (name, false),
            None if text == UNKNOWN_IMPORTS_TRAP => (text, true),
            _ => {
                return Err(format!(
                    "write `=yes` or `=no` after the proposal's name, or `{UNKNOWN_IMPORTS_TRAP}`"
                ));
            }
        };
        if name == UNKNOWN_IMPORTS_TRAP {
            return Ok(WasmOption::UnknownImportsTrap(enable));
        }
        Ok(WasmOption::Proposal(name.parse()?, enable))
    }
}

impl fmt::Display for WasmOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = |enable: bool| if enable { "yes" } else { "no" };
        match *self {
            WasmOption::Proposal(proposal, enable) => write!(f, "{proposal}={}", answer(enable)),
            WasmOption::UnknownImportsTrap(true) => f.write_str(UNKNOWN_IMPORTS_TRAP),
            WasmOption::UnknownImportsTrap(false) => write!(f, "{UNKNOWN_IMPORTS_TRAP}=no"),
        }
    }
}

/// One `-C` option.
#[derive(Copy, Clone)]
pub(crate) enum CodegenOption {
    /// `context-lowering`.
    ContextLowering(ContextLowering),
    /// `opt-level`.
    OptLevel(OptLevel),
}

impl FromStr for CodegenOption {
    type Err = String;

    fn from_str(text: &str) -> Result<CodegenOption, String> {
        match text.split_once('=') {
            Some(("context-lowering", name)) => name.parse().map(CodegenOption::ContextLowering),
            Some(("opt-level", "0")) => Ok(CodegenOption::OptLevel(OptLevel::None)),
            Some(("opt-level", "2")) => Ok(CodegenOption::OptLevel(OptLevel::Speed)),
            _ => Err(format!("unknown option `{text}`")),
        }
    }
}

impl CodegenArgs {
    /// The options, in the order given; a later one of a kind replaces an earlier one.
    pub(crate) fn options(&self) -> impl Iterator<Item = CodegenOption> + '_ {
        self.options.iter().copied()
    }

    /// The options as they are written, each after a space.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for option in &self.options {
            text += &match option {
                CodegenOption::ContextLowering(lowering) => {
                    format!(" -C context-lowering={lowering}")
                }
                CodegenOption::OptLevel(OptLevel::None) => " -C opt-level=0".to_owned(),
                CodegenOption::OptLevel(OptLevel::Speed) => " -C opt-level=2".to_owned(),
            };
        }
        for option in &self.wasm {
            text += &format!(" -W {option}");
        }
        text
    }

    /// The proposals that are accepted: the default ones, but for what the options say.
    pub(crate) fn features(&self) -> Features {
        self.switch(Features::default())
    }

    /// The proposals that are accepted: those that are built, but for what the options say.
    pub(crate) fn all_features(&self) -> Features {
        let mut features = Features::default();
        for proposal in Proposal::all().filter(|proposal| proposal.is_built()) {
            features.set(proposal, true);
        }
        self.switch(features)
    }

    /// Switches proposals on or off as the options say.
    fn switch(&self, mut features: Features) -> Features {
        for option in &self.wasm {
            if let WasmOption::Proposal(proposal, enable) = *option {
                features.set(proposal, enable);
            }
        }
        features
    }

    /// Whether functions that are imported, and that nothing provides, trap when they are called.
    pub(crate) fn unknown_imports_trap(&self) -> bool {
        let options = self.wasm.iter().rev();
        let mut answers = options.filter_map(|option| match *option {
            WasmOption::UnknownImportsTrap(trap) => Some(trap),
            WasmOption::Proposal(..) => None,
        });
        answers.next().unwrap_or(false)
    }

    /// Refuses options that say how imports are linked.
    ///
    /// # Errors
    /// If there is one: it names the option and the commands that take it.
    fn without_linking(&self, command: &str) -> Result<()> {
        for option in &self.wasm {
            ensure!(
                matches!(option, WasmOption::Proposal(..)),
                "`-W {option}` says how imports are linked, which `{command}` doesn't do: leave it out, \
                 and give it to `run` or `explore`"
            );
        }
        Ok(())
    }

    /// An engine's configuration with these options.
    pub(crate) fn config(&self) -> Config {
        self.config_with(self.features())
    }

    /// An engine's configuration with these options and proposals.
    pub(crate) fn config_with(&self, features: Features) -> Config {
        let mut config = Config::new();
        config.wasm_features(features).async_stack_size(ASYNC_STACK);
        for option in self.options() {
            match option {
                CodegenOption::ContextLowering(lowering) => config.context_lowering(lowering),
                CodegenOption::OptLevel(level) => config.cranelift_opt_level(level),
            };
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_lowering_can_be_chosen() {
        for lowering in ContextLowering::ALL {
            let option = format!("context-lowering={lowering}");
            let cli = Cli::try_parse_from(["threadline", "run", "x.wasm", "-C", &option]);
            let Command::Run(args) = cli.unwrap().command else {
                panic!("another command");
            };
            assert!(matches!(
                args.codegen.options().next(),
                Some(CodegenOption::ContextLowering(chosen)) if chosen == lowering
            ));
        }
    }

    #[test]
    fn every_proposal_can_be_switched_and_is_in_the_help() {
        let help = CodegenArgs::augment_args(clap::Command::new("x"))
            .render_long_help()
            .to_string();
        for proposal in Proposal::all() {
            let option = format!("{proposal}=no");
            let cli = Cli::try_parse_from(["threadline", "run", "x.wasm", "-W", &option]);
            let Command::Run(args) = cli.unwrap().command else {
                panic!("another command");
            };
            assert!(!args.codegen.features().has(proposal));
            assert!(
                help.contains(&format!("`{proposal}`")),
                "{proposal}\n{help}"
            );
        }
        for option in ["simd", "simd=maybe", "frobnicate=yes"] {
            assert!(Cli::try_parse_from(["threadline", "run", "x.wasm", "-W", option]).is_err());
        }
    }

    #[test]
    fn options_are_written_as_they_are_read() {
        for option in [
            "unknown-imports-trap",
            "unknown-imports-trap=no",
            "simd=no",
            "wide-arithmetic=yes",
        ] {
            let arguments = ["threadline", "run", "x.wasm", "-W", option];
            let Command::Run(args) = Cli::try_parse_from(arguments).unwrap().command else {
                panic!("another command");
            };
            assert_eq!(args.codegen.text(), format!(" -W {option}"));
        }
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        for option in ["context-lowering=fast", "opt-level=9", "frobnicate"] {
            assert!(Cli::try_parse_from(["threadline", "run", "x.wasm", "-C", option]).is_err());
        }
    }
}
