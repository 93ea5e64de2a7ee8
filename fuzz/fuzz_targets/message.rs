//! Whatever a line holds, it is a message that an engine can take or an error; and a message survives its JSON.
#![no_main]
use bespoke::model::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(message) = Message::from_json(text) {
        let json = serde_json::to_string(&message).expect("every message can be written");
        assert_eq!(Message::from_json(&json).expect("what was written can be read"), message);
    }
});
