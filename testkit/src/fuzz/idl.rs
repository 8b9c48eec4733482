//! The Thrift IDL compiler.

use kitewire_build::Builder;

/// An IDL file, and behind a NUL byte another one, `base.thrift`, that it may include: compiled, or a report that says
/// where; the same each time.
pub fn idl_parser(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (main, base) = text.split_once('\0').unwrap_or((&text, ""));
    let compile = || {
        let builder = Builder::new().file("main.thrift", main).file("base.thrift", base);
        builder.generate_to_string("main.thrift")
    };
    let result = compile();
    assert_eq!(result, compile(), "another result for the same text");
    match result {
        Ok(code) => assert!(!code.contains('\0')),
        Err(error) => assert!(error.to_string().contains("--> "), "a report without a place: {error}"),
    }
}
