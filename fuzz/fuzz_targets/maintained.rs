//! Whatever happens in whatever order under whatever definitions, the engine reports what an evaluator that
//! recomputes everything reports. Bytes are a seed for the definitions and one for each input, so that what is
//! changed by chance is one input.
#![no_main]
use libfuzzer_sys::fuzz_target;

#[allow(dead_code)] // its tests use the rest
#[path = "../../tests/naive/mod.rs"]
mod naive;

/// As many as the twin recomputes in some milliseconds.
const INPUTS_MAX: usize = 60;

fuzz_target!(|bytes: &[u8]| {
    let Some((seed, rest)) = bytes.split_first_chunk::<8>() else { return };
    let inputs: Vec<u32> =
        rest.as_chunks::<4>().0.iter().take(INPUTS_MAX).map(|bytes| u32::from_le_bytes(*bytes)).collect();
    let scenario = naive::generate::composed(u64::from_le_bytes(*seed), &inputs, true);
    naive::law::check("what these bytes stand for", &scenario);
});
