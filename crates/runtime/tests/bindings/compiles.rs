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

/// Names that generated code makes of others, at every place that it makes them.
pub(crate) mod own_names {
    /// What functions fail with.
    #[derive(Debug)]
    #[expect(dead_code, reason = "nothing here runs")]
    pub(crate) struct Failure;

    threadline::component::bindgen!({
        inline: r#"
            package t:n;

            package other:p@1.0.0-a.b { interface i { f: func(); } }
            package other:p@1.0.0-a-b { interface i { f: func(); } }

            interface i {
                resource top { m: async func(accessor: u8); }
                resource with-store { m: async func(); }
                resource top-with-store { m: func(drop: u8); }
                resource indices { m: func(); }
                record host-top { x: u8 }
                record host-top-with-store { x: u8 }
                record guest-top { x: u8 }
                record host-with-store { x: u8 }
                record guest-indices { x: u8 }
                enum errno { bad }
                convert-errno: func(errno: errno) -> result<_, errno>;
                add-to-linker: async func(a: host-top, b: host-with-store, accessor: guest-top);
            }

            world w {
                import other:p/i@1.0.0-a.b;
                import other:p/i@1.0.0-a-b;
                import i;
                resource top { m: async func(); }
                record host-top { x: u8 }
                record host-top-with-store { x: u8 }
                record w-imports-with-store { x: u8 }
                record w-imports { x: u8 }
                import g: async func(a: host-top, b: own<top>, c: w-imports);
                export i;
                export other:p/i@1.0.0-a-b;
            }
        "#,
        trappable_error_type: { "t:n/i/errno": Failure },
    });
}
