use super::errors::check;
use crate::definitions::Definitions;
use crate::model::Duration;
use crate::segment::{Kind, Pii, Stored, Tags};

#[test]
fn tags_are_read_beside_kinds() {
    let definitions = Definitions::from_toml(
        "version = 1\n[settings]\nhash_key = 'no key for real use'\n[attributes]\ncountry = 'string'\n\
         email = { kind = 'string', pii = 'direct', store = 'hash', ttl = '30d' }\n\
         'contact.*' = { kind = 'string', pii = 'sensitive' }\n\
         [events.order]\nphone = { kind = 'string', pii = 'quasi', store = 'drop' }\ntotal = 'number'\n\
         [events.order.note]\nkind = 'string'\nttl = '1h'\n",
    );
    let schema = definitions.unwrap().schema;
    let email = Tags { pii: Some(Pii::Direct), stored: Stored::Hash, ttl: Some(Duration::days(30)) };
    let contact = Tags { pii: Some(Pii::Sensitive), ..Tags::default() };
    for (name, tags) in [
        ("country", Tags::default()),
        ("email", email),
        ("contact.phone", contact),
        ("contact", Tags::default()),
    ] {
        assert_eq!(schema.attribute_tags(name), tags, "{name}");
    }
    assert_eq!(schema.attribute_kind("email"), Some(Kind::String));
    assert_eq!(schema.attribute_kind("contact.phone"), Some(Kind::String));
    let phone = Tags { pii: Some(Pii::Quasi), stored: Stored::Drop, ttl: None };
    let note = Tags { ttl: Some(Duration::hours(1)), ..Tags::default() };
    for (name, tags) in [("phone", phone), ("total", Tags::default()), ("note", note)] {
        assert_eq!(schema.property_tags("order", name), tags, "{name}");
        assert!(schema.events["order"].properties.contains_key(name), "{name}");
    }
}

#[test]
fn tags_that_are_wrong() {
    check(
        "version = 1\n[attributes]\n",
        &[
            (
                "e = { kind = 'sting', pii = 'direct' }",
                &["3:14: unknown kind `sting` (did you mean `string`?)"],
            ),
            (
                "e = { kind = 'string', pii = 'derect' }",
                &["3:30: unknown word for personal data `derect` (did you mean `direct`?)"],
            ),
            (
                "e = { kind = 'string', store = 'hashed' }",
                &["3:32: unknown way to store `hashed` (did you mean `hash`?)"],
            ),
            ("e = { kind = 'string', ttl = 'soon' }", &["3:30: "]),
            ("e = { kind = 'string', tll = '1d' }", &["3:24: unknown key `tll` (did you mean `ttl`?)"]),
            (
                "e = { kind = 'number', store = 'hash' }",
                &[
                    "3:1: `e` is kept as a hash, and there is no key",
                    "3:32: only a string can be kept as a hash",
                ],
            ),
            ("[settings]\nhash_key = 'short'", &["4:12: the key has 5 bytes, at least 16 are needed"]),
            ("e = { pii = 'direct' }", &["3:1: a kind is wanted, this is a table (a name with dots"]),
            (
                "timezone = { kind = 'string', store = 'drop' }",
                &["3:1: the engine itself reads `timezone`, so it is kept as it is"],
            ),
            (
                "e = { kind = 'string', store = 'hash' }",
                &["3:1: `e` is kept as a hash, and there is no key to hash it with"],
            ),
        ],
    );
}
