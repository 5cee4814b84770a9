//! Worlds that need only be compiled: names that Rust has other plans with, and types that no
//! guest here has.

/// Keywords, and names that generated code has itself.
pub(crate) mod names {
    threadline::component::bindgen!({
        inline: r#"
            package t:t;

            interface %type {
                record t { %type: u32, fn: option<string> }
                record host { x: u8 }
                record guest { x: u8 }
                variant %result { ok(t), none, err(%string) }
                record %string { s: string }
                enum self { super, %option }
                resource d {
                    constructor(store: %string);
                    new: func() -> %result;
                }
                match: func(self: t, instance: host, linker: borrow<d>) -> self;
            }

            world w {
                import %type;
                import exports: interface { f: func(host: u32, store: string); }
                import %async: func(caller: string) -> result;
                resource top { m: func(); }
                record w { x: u8 }
                import take: func(t: own<top>, w: w);
                export %type;
                export new: func(store: string) -> result<_, w>;
                export loop: interface { use %type.{d, t}; f: func(x: own<d>, t: t) -> d; }
            }
        "#,
    });
}

/// All that owns memory, in every position.
pub(crate) mod types {
    threadline::component::bindgen!({
        inline: r#"
            package t:u;

            interface i {
                type bytes = list<u8, 4>;
                type words = list<string, 2>;
                type table = map<string, list<u32>>;
                record all { b: bytes, w: words, t: table, n: tuple<u8, string> }
                type deep = option<result<list<all>, tuple<string>>>;
                f: func(a: all, b: bytes, w: words, t: table, d: deep, r: result) -> deep;
            }

            world w {
                import i;
                export i;
            }
        "#,
    });
}

/// A world without anything.
pub(crate) mod empty {
    threadline::component::bindgen!({ inline: "package t:e; world e {}" });
}
