//! [`Options`]: what is written between the parentheses of `bindgen!`.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitBool, LitStr, Path, Token, braced, bracketed, parse_quote, token};

/// What to generate, and from what.
pub(super) struct Options {
    /// Folders and files, relative to the package's root.
    pub(super) paths: Vec<LitStr>,
    /// A package as text.
    pub(super) inline: Option<LitStr>,
    pub(super) world: Option<LitStr>,
    /// Names in the WIT, and what is used instead.
    pub(super) with: Vec<(LitStr, Path)>,
    pub(super) trappable_imports: Functions,
    /// Imports, not `async` in the WIT, that the host implements by futures.
    pub(super) async_imports: Functions,
    /// Exports, not `async` in the WIT, that are called by futures.
    pub(super) async_exports: Functions,
    /// Names of types in the WIT, and what functions return instead as an error.
    pub(super) trappable_errors: Vec<(LitStr, Path)>,
    pub(super) additional_derives: Vec<Path>,
    pub(super) features: Vec<LitStr>,
    pub(super) all_features: bool,
    /// The path to `threadline`.
    pub(super) krate: Path,
}

/// Some functions.
pub(super) enum Functions {
    All,
    /// By name.
    These(Vec<LitStr>),
}

impl Options {
    fn new() -> Options {
        Options {
            paths: Vec::new(),
            inline: None,
            world: None,
            with: Vec::new(),
            trappable_imports: Functions::These(Vec::new()),
            async_imports: Functions::These(Vec::new()),
            async_exports: Functions::These(Vec::new()),
            trappable_errors: Vec::new(),
            additional_derives: Vec::new(),
            features: Vec::new(),
            all_features: false,
            krate: parse_quote!(::threadline),
        }
    }

    /// Where errors point that are about the WIT as a whole.
    pub(super) fn span(&self) -> Span {
        let source = self.inline.as_ref().or(self.paths.first());
        let source = source.or(self.world.as_ref());
        source.map_or_else(Span::call_site, LitStr::span)
    }

    fn option(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "path" => self.paths = one_or_more(input)?,
            "world" => self.world = Some(input.parse()?),
            "inline" => self.inline = Some(input.parse()?),
            "with" => self.with = pairs(input)?,
            "trappable_imports" => self.trappable_imports = functions(input)?,
            "trappable_error_type" => self.trappable_errors = pairs(input)?,
            "additional_derives" => self.additional_derives = list(input)?,
            "features" => self.features = list(input)?,
            "all_features" => self.all_features = input.parse::<LitBool>()?.value,
            "ownership" => ownership(input)?,
            "threadline_crate" => self.krate = input.parse()?,
            "async" => (self.async_imports, self.async_exports) = async_functions(input)?,
            "imports" | "exports" | "concurrent_imports" => {
                return Err(syn::Error::new(
                    name.span(),
                    format!(
                        "there is no option `{name}`: functions that are `async` in the WIT are \
                         concurrent, others are made futures by `async`, and `trappable_imports` \
                         lets imports trap"
                    ),
                ));
            }
            other => {
                return Err(syn::Error::new(
                    name.span(),
                    format!(
                        "there is no option `{other}`; there are `path`, `world`, `inline`, `with`, \
                         `trappable_imports`, `async`, `trappable_error_type`, \
                         `additional_derives`, `features`, `all_features`, `ownership` and `threadline_crate`"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn options(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let mut given: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            let name = Ident::parse_any(input)?;
            input.parse::<Token![:]>()?;
            if given.contains(&name) {
                let error = format!("the option `{name}` is given twice");
                return Err(syn::Error::new(name.span(), error));
            }
            self.option(&name, input)?;
            given.push(name);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options::new();
        if input.peek(token::Brace) {
            let body;
            braced!(body in input);
            options.options(&body)?;
        } else if input.peek(LitStr) {
            options.world = Some(input.parse()?);
            if input.parse::<Option<Token![in]>>()?.is_some() {
                options.paths.push(input.parse()?);
            }
        }
        if !input.is_empty() {
            return Err(
                input.error("expected nothing, the name of a world, or options in braces: `{ … }`")
            );
        }
        if options.paths.is_empty() && options.inline.is_none() {
            options.paths.push(LitStr::new("wit", Span::call_site()));
        }
        Ok(options)
    }
}

/// `[a, b]`.
fn list<A: Parse>(input: ParseStream<'_>) -> syn::Result<Vec<A>> {
    let body;
    bracketed!(body in input);
    let list = Punctuated::<A, Token![,]>::parse_terminated(&body)?;
    Ok(list.into_iter().collect())
}

/// `"a"` or `["a", "b"]`.
fn one_or_more(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    match input.peek(LitStr) {
        true => Ok(vec![input.parse()?]),
        false => list(input),
    }
}

/// `true`, `false` or `["f", "g"]`.
fn functions(input: ParseStream<'_>) -> syn::Result<Functions> {
    if !input.peek(LitBool) {
        return Ok(Functions::These(list(input)?));
    }
    Ok(match input.parse::<LitBool>()?.value {
        true => Functions::All,
        false => Functions::These(Vec::new()),
    })
}

/// `true`, `false` or `{ imports: …, exports: … }`: some imports and some exports.
fn async_functions(input: ParseStream<'_>) -> syn::Result<(Functions, Functions)> {
    let none = || Functions::These(Vec::new());
    if input.peek(LitBool) {
        return Ok(match input.parse::<LitBool>()?.value {
            true => (Functions::All, Functions::All),
            false => (none(), none()),
        });
    }
    let body;
    braced!(body in input);
    let (mut imports, mut exports) = (none(), none());
    while !body.is_empty() {
        let side = Ident::parse_any(&body)?;
        body.parse::<Token![:]>()?;
        match side.to_string().as_str() {
            "imports" => imports = functions(&body)?,
            "exports" => exports = functions(&body)?,
            other => {
                return Err(syn::Error::new(
                    side.span(),
                    format!("expected `imports` or `exports`, not `{other}`"),
                ));
            }
        }
        if !body.is_empty() {
            body.parse::<Token![,]>()?;
        }
    }
    Ok((imports, exports))
}

struct Pair(LitStr, Path);

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Pair> {
        let key = input.parse()?;
        if input.parse::<Option<Token![=>]>>()?.is_none() {
            input.parse::<Token![:]>()?;
        }
        Ok(Pair(key, input.parse()?))
    }
}

/// `{ "a": b, "c" => d }`.
fn pairs(input: ParseStream<'_>) -> syn::Result<Vec<(LitStr, Path)>> {
    let body;
    braced!(body in input);
    let pairs = Punctuated::<Pair, Token![,]>::parse_terminated(&body)?;
    Ok(pairs
        .into_iter()
        .map(|Pair(key, path)| (key, path))
        .collect())
}

/// `Owning`: the only way that there is.
fn ownership(input: ParseStream<'_>) -> syn::Result<()> {
    let name: Ident = input.parse()?;
    if name == "Owning" {
        return Ok(());
    }
    Err(syn::Error::new(
        name.span(),
        "only `Owning` is supported: records own what is in them, and exported functions take \
         references to them",
    ))
}
