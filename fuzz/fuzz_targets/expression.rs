//! No text, however broken, makes the compiler of expressions panic; and every error can be shown.
#![no_main]
use bespoke::segment::{Kind, Plan, Schema};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut schema = Schema::lenient();
    schema.attribute("country", Kind::String).attribute("budget.*", Kind::Number);
    schema.property("view", "sku", Kind::String).property("view", "amount", Kind::Number);
    let plan = Plan::builder(schema).segment("whole", None, text).segment("keyed", Some("sku"), text).build();
    for error in plan.err().into_iter().flatten() {
        let _ = format!("{error} {error:#} {:?}", error.line_column());
    }
});
