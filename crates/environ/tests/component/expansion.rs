//! What small components may ask adapters for: code in proportion to their types, and one module
//! for adapters that are the same.

use threadline_environ::{Features, Translation};

/// A component with a function of a parameter of type `$t`, which `types` declares; and so many
/// instances of another that calls it.
fn passing(types: &str, core: &str, instances: usize) -> String {
    let memory = r#"(memory (export "m") 1)
        (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0))"#;
    let instances = "(instance (instantiate $caller (with \"p\" (instance $p))))".repeat(instances);
    format!(
        r#"(component
            (component $callee
                (core module $m {memory} (func (export "f") (param {core})))
                (core instance $i (instantiate $m))
                {types}
                (func (export "f") (param "x" $t) (canon lift (core func $i "f")
                    (memory (core memory $i "m")) (realloc (core func $i "r")))))
            (instance $p (instantiate $callee))
            (component $caller
                (import "p" (instance $p {types} (export "f" (func (param "x" $t)))))
                (core module $l {memory})
                (core instance $l (instantiate $l))
                (core module $m (import "" "f" (func (param {core}))))
                (core func $f (canon lower (func $p "f") (memory (core memory $l "m"))))
                (core instance (instantiate $m (with "" (instance (export "f" (func $f)))))))
            {instances})"#
    )
}

/// The sizes of the adapters.
fn adapters(wat: &str) -> Vec<usize> {
    let bytes = wat::parse_str(wat).unwrap();
    let translation = Translation::parse(&bytes, Features::default()).unwrap();
    let modules = translation.modules.values();
    let adapters = modules.filter(|module| module.is_adapter);
    adapters.map(|module| module.bytes.len()).collect()
}

/// A list of a tuple of so many fields of a type.
fn wide(declared: &str, field: &str, fields: usize) -> String {
    let fields = format!("{field} ").repeat(fields);
    format!("{declared} (type $t0 (tuple {fields})) (type $t (list $t0))")
}

/// A list of a variant of so many cases, whose payloads are two lists in turn.
fn wide_variant(cases: usize) -> String {
    let cases: String = (0..cases)
        .map(|i| format!("(case \"c{i}\" $l{}) ", i % 2))
        .collect();
    format!(
        r#"(type $l0 (list string)) (type $e1 (tuple u8 string)) (type $l1 (list $e1))
        (type $v (variant {cases})) (export $n "n" (type $v)) (type $t (list $n))"#
    )
}

#[test]
fn a_field_more_is_little_code_more_however_much_its_type_takes() {
    for (declared, field) in [
        ("", "string"),
        ("(type $s (list string))", "$s"),
        ("(type $s (option string))", "$s"),
        ("(type $s (list u8))", "$s"),
        ("(type $s (tuple string string))", "$s"),
        ("(type $s (result string (error string)))", "$s"),
        ("(type $s (option u32))", "$s"),
    ] {
        let [few, many] = [100, 1100].map(|fields| {
            let wat = passing(&wide(declared, field, fields), "i32 i32", 1);
            let sizes = adapters(&wat);
            assert_eq!(sizes.len(), 1, "{field}");
            sizes[0]
        });
        assert!(
            many - few < 1000 * 32,
            "{declared} {field}: {few}, then {many}"
        );
    }
}

#[test]
fn a_case_more_is_little_code_more() {
    let [few, many] = [100, 1100].map(|cases| {
        let types = wide_variant(cases);
        // An instance's type exports the variant, with `eq`.
        let wat = passing(&types, "i32 i32", 1);
        let (head, tail) = wat.split_once("(import \"p\"").unwrap();
        let tail = tail.replacen(
            "(export $n \"n\" (type $v))",
            "(export \"n\" (type $n (eq $v)))",
            1,
        );
        adapters(&format!("{head}(import \"p\"{tail}"))[0]
    });
    assert!(many - few < 1000 * 48, "{few} bytes, then {many}");
}

#[test]
fn types_of_a_few_parts_are_moved_in_place() {
    let by_helpers = |fields| {
        let wat = passing(&wide("", "string", fields), "i32 i32", 1);
        let bytes = wat::parse_str(&wat).unwrap();
        let translation = Translation::parse(&bytes, Features::default()).unwrap();
        let names = translation.modules.values();
        let names = names.flat_map(|module| module.module.func_names.values().flatten());
        names.filter(|name| name.ends_with("(a value)")).count()
    };
    // The tuple has a helper, and beyond a number of strings they have one.
    assert_eq!(by_helpers(20), 1);
    assert_eq!(by_helpers(200), 2);
}

#[test]
fn large_adapters_that_are_the_same_are_one_module() {
    let types = wide("", "string", 200);
    assert_eq!(adapters(&passing(&types, "i32 i32", 40)).len(), 1);
    // Of small ones the compiler knows more if there is one for each use.
    let types = wide("", "string", 2);
    assert_eq!(adapters(&passing(&types, "i32 i32", 40)).len(), 40);
}
