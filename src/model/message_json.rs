//! Messages as the Segment spec's JSON. Read by hand rather than by derive: each wrong field gets an error
//! that names it, and unknown fields cost nothing.

use crate::model::{
    BYTES_MAX, Body, Consent, ConsentStatus, Ids, Instant, Message, MessageError, MessageErrorKind as Kind,
    Object, Suppress, Value,
};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

const TYPES: [&str; 15] = [
    "track",
    "page",
    "screen",
    "identify",
    "group",
    "alias",
    "merge",
    "split",
    "list",
    "consent",
    "restrict",
    "world",
    "item",
    "remove_item",
    "forget",
];
/// Those that are about no user.
const FOR_EVERYONE: [&str; 3] = ["world", "item", "remove_item"];

impl Message {
    /// Reads one message from its JSON.
    ///
    /// # Errors
    /// [`MessageError`] where the text is not JSON, is over 64 KiB, lacks a field, or [`Message::check`] refuses it.
    pub fn from_json(text: &str) -> Result<Message, MessageError> {
        if text.len() > BYTES_MAX {
            return Err(Kind::TooLarge(text.len()).at("message"));
        }
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(object)) => Message::from_object(object),
            Ok(other) => Err(Kind::NotJson(format!("it is {}", other.kind_name())).at("message")),
            Err(e) if e.to_string().starts_with("number out of range") => Err(Kind::NotFinite.at("message")),
            Err(e) if e.to_string().starts_with("recursion limit") => Err(Kind::TooDeep.at("message")),
            Err(e) => Err(Kind::NotJson(e.to_string()).at("message")),
        }
    }

    fn from_object(mut fields: Object) -> Result<Message, MessageError> {
        let kind = text(&mut fields, "type")?.ok_or_else(|| Kind::Missing.at("type"))?;
        let (user, anonymous) = (text(&mut fields, "userId")?, text(&mut fields, "anonymousId")?);
        let mut ids = Ids { user, anonymous, ..Ids::none() };
        // The ids of a split are a list.
        if &*kind != "split" {
            for (kind, id) in object(&mut fields, "ids")?.iter() {
                match id {
                    Value::Null => {}
                    Value::String(id) => ids = ids.and(kind, id.clone()),
                    other => {
                        let found = other.kind_name();
                        return Err(Kind::WrongKind { wanted: "a string", found }.at(&format!("ids.{kind}")));
                    }
                }
            }
        }
        if ids.is_empty() && !FOR_EVERYONE.contains(&&*kind) {
            return Err(Kind::NoId.at("userId"));
        }
        let body = match &*kind {
            "track" => Body::Track {
                event: text(&mut fields, "event")?.ok_or_else(|| Kind::NoEventName.at("event"))?,
                properties: object(&mut fields, "properties")?,
            },
            "page" => Body::Page {
                name: text(&mut fields, "name")?,
                properties: object(&mut fields, "properties")?,
            },
            "screen" => Body::Screen {
                name: text(&mut fields, "name")?,
                properties: object(&mut fields, "properties")?,
            },
            "identify" => Body::Identify { traits: object(&mut fields, "traits")? },
            "group" => Body::Group {
                group_id: text(&mut fields, "groupId")?.ok_or_else(|| Kind::Missing.at("groupId"))?,
                traits: object(&mut fields, "traits")?,
            },
            "alias" => Body::Alias {
                previous_id: text(&mut fields, "previousId")?
                    .ok_or_else(|| Kind::Missing.at("previousId"))?,
            },
            "merge" => Body::Merge {
                previous_id: text(&mut fields, "previousId")?
                    .ok_or_else(|| Kind::Missing.at("previousId"))?,
                reason: text(&mut fields, "reason")?.ok_or_else(|| Kind::Missing.at("reason"))?,
            },
            "split" => Body::Split { ids: texts(&mut fields, "ids")? },
            "list" => Body::List {
                list: text(&mut fields, "list")?.ok_or_else(|| Kind::Missing.at("list"))?,
                member: boolean(&mut fields, "member")?,
            },
            "restrict" => Body::Restrict { restricted: boolean(&mut fields, "restricted")? },
            "consent" => {
                let status = text(&mut fields, "status")?.ok_or_else(|| Kind::Missing.at("status"))?;
                Body::Consent(Consent {
                    purpose: text(&mut fields, "purpose")?.ok_or_else(|| Kind::Missing.at("purpose"))?,
                    channel: text(&mut fields, "channel")?,
                    status: ConsentStatus::named(&status)
                        .ok_or_else(|| Kind::UnknownStatus(status).at("status"))?,
                    expires: instant(&mut fields, "expires")?,
                    source: text(&mut fields, "source")?,
                    policy_version: text(&mut fields, "policyVersion")?,
                })
            }
            "world" => Body::World { values: object(&mut fields, "values")? },
            "item" => Body::Item {
                item: text(&mut fields, "itemId")?.ok_or_else(|| Kind::Missing.at("itemId"))?,
                attributes: object(&mut fields, "attributes")?,
            },
            "remove_item" => Body::RemoveItem {
                item: text(&mut fields, "itemId")?.ok_or_else(|| Kind::Missing.at("itemId"))?,
            },
            "forget" => Body::Forget { suppress: suppress(&mut fields)? },
            other => {
                let nearest = crate::model::nearest(other, TYPES);
                return Err(Kind::UnknownType { found: other.to_owned(), nearest }.at("type"));
            }
        };
        let message = Message {
            ids,
            timestamp: instant(&mut fields, "timestamp")?,
            message_id: text(&mut fields, "messageId")?,
            context: object(&mut fields, "context")?,
            body,
        };
        message.check()?;
        Ok(message)
    }
}

fn text(fields: &mut Object, name: &'static str) -> Result<Option<Box<str>>, MessageError> {
    match fields.take(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Kind::WrongKind { wanted: "a string", found: other.kind_name() }.at(name)),
    }
}

fn texts(fields: &mut Object, name: &'static str) -> Result<Vec<Box<str>>, MessageError> {
    let wrong = |found| Kind::WrongKind { wanted: "a list of strings", found }.at(name);
    match fields.take(name) {
        None | Some(Value::Null) => Err(Kind::Missing.at(name)),
        Some(Value::List(list)) => list
            .into_iter()
            .map(|element| match element {
                Value::String(text) => Ok(text),
                other => Err(wrong(other.kind_name())),
            })
            .collect(),
        Some(other) => Err(wrong(other.kind_name())),
    }
}

fn boolean(fields: &mut Object, name: &'static str) -> Result<bool, MessageError> {
    match fields.take(name) {
        Some(Value::Bool(value)) => Ok(value),
        None | Some(Value::Null) => Err(Kind::Missing.at(name)),
        Some(other) => Err(Kind::WrongKind { wanted: "a bool", found: other.kind_name() }.at(name)),
    }
}

fn object(fields: &mut Object, name: &'static str) -> Result<Object, MessageError> {
    match fields.take(name) {
        None | Some(Value::Null) => Ok(Object::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(other) => Err(Kind::WrongKind { wanted: "an object", found: other.kind_name() }.at(name)),
    }
}

fn instant(fields: &mut Object, name: &'static str) -> Result<Option<Instant>, MessageError> {
    let refused = |text: String| Kind::Timestamp(text).at(name);
    match fields.take(name).unwrap_or_default() {
        Value::Null => Ok(None),
        Value::Int(millis) => {
            Instant::checked_from_millis(millis).map(Some).ok_or_else(|| refused(millis.to_string()))
        }
        Value::Float(x) => Err(refused(x.to_string())),
        Value::String(text) => text.parse().map(Some).map_err(|_| refused(text.into())),
        other => {
            Err(Kind::WrongKind { wanted: "a string or integer milliseconds", found: other.kind_name() }
                .at(name))
        }
    }
}

fn suppress(fields: &mut Object) -> Result<Suppress, MessageError> {
    Ok(match fields.get("suppress") {
        None | Some(Value::Null) => Suppress::No,
        Some(Value::String(word)) if **word == *"no" => Suppress::No,
        Some(Value::String(word)) if **word == *"forever" => Suppress::Forever,
        Some(Value::String(word)) if word.parse::<Instant>().is_err() => {
            return Err(Kind::UnknownSuppress(word.clone()).at("suppress"));
        }
        Some(_) => instant(fields, "suppress")?.map_or(Suppress::No, Suppress::Until),
    })
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Message, D::Error> {
        Message::from_object(Object::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let kind = match &self.body {
            Body::Track { .. } => "track",
            Body::Page { .. } => "page",
            Body::Screen { .. } => "screen",
            Body::Identify { .. } => "identify",
            Body::Group { .. } => "group",
            Body::Alias { .. } => "alias",
            Body::Merge { .. } => "merge",
            Body::Split { .. } => "split",
            Body::List { .. } => "list",
            Body::Consent(_) => "consent",
            Body::Restrict { .. } => "restrict",
            Body::World { .. } => "world",
            Body::Item { .. } => "item",
            Body::RemoveItem { .. } => "remove_item",
            Body::Forget { .. } => "forget",
        };
        map.serialize_entry("type", kind)?;
        if let Some(id) = &self.message_id {
            map.serialize_entry("messageId", id)?;
        }
        if let Some(user) = &self.ids.user {
            map.serialize_entry("userId", user)?;
        }
        if let Some(anonymous) = &self.ids.anonymous {
            map.serialize_entry("anonymousId", anonymous)?;
        }
        if !self.ids.declared.is_empty() && !matches!(self.body, Body::Split { .. }) {
            let ids: BTreeMap<&str, &str> =
                self.ids.declared.iter().map(|(kind, id)| (&**kind, &**id)).collect();
            map.serialize_entry("ids", &ids)?;
        }
        if let Some(at) = self.timestamp {
            map.serialize_entry("timestamp", &at.to_string())?;
        }
        match &self.body {
            Body::Track { event, properties } => {
                map.serialize_entry("event", event)?;
                map.serialize_entry("properties", properties)?;
            }
            Body::Page { name, properties } | Body::Screen { name, properties } => {
                if let Some(name) = name {
                    map.serialize_entry("name", name)?;
                }
                map.serialize_entry("properties", properties)?;
            }
            Body::Identify { traits } => map.serialize_entry("traits", traits)?,
            Body::Group { group_id, traits } => {
                map.serialize_entry("groupId", group_id)?;
                map.serialize_entry("traits", traits)?;
            }
            Body::Alias { previous_id } => map.serialize_entry("previousId", previous_id)?,
            Body::Merge { previous_id, reason } => {
                map.serialize_entry("previousId", previous_id)?;
                map.serialize_entry("reason", reason)?;
            }
            Body::Split { ids } => map.serialize_entry("ids", ids)?,
            Body::List { list, member } => {
                map.serialize_entry("list", list)?;
                map.serialize_entry("member", member)?;
            }
            Body::Consent(Consent { purpose, channel, status, expires, source, policy_version }) => {
                map.serialize_entry("purpose", purpose)?;
                if let Some(channel) = channel {
                    map.serialize_entry("channel", channel)?;
                }
                map.serialize_entry("status", status)?;
                if let Some(expires) = expires {
                    map.serialize_entry("expires", &expires.to_string())?;
                }
                if let Some(source) = source {
                    map.serialize_entry("source", source)?;
                }
                if let Some(version) = policy_version {
                    map.serialize_entry("policyVersion", version)?;
                }
            }
            Body::Restrict { restricted } => map.serialize_entry("restricted", restricted)?,
            Body::World { values } => map.serialize_entry("values", values)?,
            Body::Item { item, attributes } => {
                map.serialize_entry("itemId", item)?;
                map.serialize_entry("attributes", attributes)?;
            }
            Body::RemoveItem { item } => map.serialize_entry("itemId", item)?,
            Body::Forget { suppress: Suppress::No } => {}
            Body::Forget { suppress: Suppress::Forever } => map.serialize_entry("suppress", "forever")?,
            Body::Forget { suppress: Suppress::Until(at) } => {
                map.serialize_entry("suppress", &at.to_string())?
            }
        }
        if !self.context.is_empty() {
            map.serialize_entry("context", &self.context)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        Message::from_json(json).expect_err(json).to_string()
    }

    /// A number is the nearest one there is, so what is written is read as what it was.
    #[test]
    fn numbers_are_read_as_they_were_written() {
        for text in
            ["148.111e119", "0.1", "9007199254740993.0", "123456789012345.678", "2.2250738585072011e-308"]
        {
            let json = format!(r#"{{"type":"track","userId":"u","event":"e","properties":{{"x":{text}}}}}"#);
            let message = Message::from_json(&json).unwrap();
            let (_, properties) = message.event().unwrap();
            assert_eq!(properties.get("x"), Some(&Value::Float(text.parse().unwrap())), "{text}");
            assert_eq!(
                Message::from_json(&serde_json::to_string(&message).unwrap()).unwrap(),
                message,
                "{text}"
            );
        }
    }

    #[test]
    fn every_bad_message_says_what_is_wrong() {
        let long = "x".repeat(9_000);
        let many: Vec<String> = (0..256).map(|i| format!("\"p{i}\":1")).collect();
        for (json, words) in [
            ("", "not a JSON object"),
            ("[]", "it is a list"),
            ("{", "not a JSON object"),
            (r#"{"userId":"u"}"#, "`type`: the field is missing"),
            (r#"{"type":"trak","userId":"u"}"#, "did you mean `track`"),
            (r#"{"type":"track","event":"view"}"#, "names nobody"),
            (r#"{"type":"track","event":"view","userId":7}"#, "`userId`: a string is wanted, not a number"),
            (r#"{"type":"track","event":"view","userId":"null"}"#, "no id"),
            (r#"{"type":"track","event":"view","anonymousId":""}"#, "the id is empty"),
            (r#"{"type":"track","userId":"u"}"#, "needs the name"),
            (r#"{"type":"track","userId":"u","event":" "}"#, "needs the name"),
            (r#"{"type":"track","userId":"u","event":"e","timestamp":"noon"}"#, "`noon` is not a timestamp"),
            (r#"{"type":"track","userId":"u","event":"e","timestamp":9e18}"#, "not a timestamp"),
            (
                r#"{"type":"track","userId":"u","event":"e","timestamp":true}"#,
                "integer milliseconds is wanted",
            ),
            (r#"{"type":"track","userId":"u","event":"e","properties":{"x":1e999}}"#, "not finite"),
            (r#"{"type":"track","userId":"u","event":"e","properties":[]}"#, "an object is wanted"),
            (r#"{"type":"alias","userId":"u"}"#, "`previousId`: the field is missing"),
            (r#"{"type":"alias","anonymousId":"u","previousId":"v"}"#, "needs the `userId`"),
            (r#"{"type":"group","userId":"u"}"#, "`groupId`: the field is missing"),
            (r#"{"type":"merge","userId":"a","previousId":"b"}"#, "`reason`: the field is missing"),
            (r#"{"type":"split","userId":"a"}"#, "`ids`: the field is missing"),
            (r#"{"type":"split","userId":"a","ids":[1]}"#, "a list of strings is wanted"),
            (r#"{"type":"split","anonymousId":"d","ids":["x"]}"#, "a split needs the `userId`"),
            (r#"{"type":"identify","ids":{"card":7}}"#, "`ids.card`: a string is wanted"),
            (r#"{"type":"identify","ids":{"card":"null"}}"#, "`ids`: `null` is no id"),
            (r#"{"type":"list","userId":"u","list":"vip"}"#, "`member`: the field is missing"),
            (r#"{"type":"list","userId":"u","list":"","member":true}"#, "a name is not empty"),
            (r#"{"type":"item"}"#, "`itemId`: the field is missing"),
            (r#"{"type":"item","itemId":7}"#, "`itemId`: a string is wanted, not a number"),
            (r#"{"type":"item","itemId":" "}"#, "a name is not empty"),
            (r#"{"type":"item","itemId":"b","attributes":[]}"#, "an object is wanted"),
            (r#"{"type":"remove_item"}"#, "`itemId`: the field is missing"),
            (r#"{"type":"restrict","userId":"u"}"#, "`restricted`: the field is missing"),
            (r#"{"type":"restrict","userId":"u","restricted":1}"#, "a bool is wanted, not a number"),
            (r#"{"type":"consent","userId":"u","purpose":"x","status":"maybe"}"#, "`maybe` is no status"),
            (
                r#"{"type":"consent","userId":"u","purpose":"x","status":"denied","expires":"soon"}"#,
                "`expires`",
            ),
            (r#"{"type":"forget","userId":"u","suppress":"never"}"#, "`never` is no way to suppress"),
            (r#"{"type":"forget","userId":"u","suppress":true}"#, "integer milliseconds is wanted"),
            (r#"{"type":"track","userId":"u","event":"message.opened"}"#, "the engine records itself"),
            (r#"{"type":"identify","userId":"u","traits":{"\u0001list":1}}"#, "no control characters"),
            (
                &format!(r#"{{"type":"track","userId":"u","event":"e","properties":{{"s":"{long}"}}}}"#),
                "9000 bytes",
            ),
            (
                &format!(
                    r#"{{"type":"track","userId":"u","event":"e","properties":{{{}}}}}"#,
                    many.join(",")
                ),
                "255",
            ),
            (&format!(r#"{{"type":"track","x":"{}"}}"#, "x".repeat(BYTES_MAX)), "at most 65536"),
            (
                &format!(
                    r#"{{"type":"track","userId":"u","event":"e","properties":{{"x":{}1{}}}}}"#,
                    "[".repeat(20),
                    "]".repeat(20)
                ),
                "more than 16 deep",
            ),
            (&format!("{}1{}", "[".repeat(5000), "]".repeat(5000)), "more than 16 deep"),
        ] {
            let error = refused(json);
            assert!(error.contains(words), "{error} lacks {words}");
            assert!(error.len() < 300, "{error}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_from_hosts_too() {
        let error = Message::track("u", "e").with("x", f64::NAN).check().unwrap_err();
        assert_eq!(error.field(), "properties.x");
        assert_eq!(error.kind(), &Kind::NotFinite);
    }

    #[test]
    fn json_round_trip() {
        let at = Instant::from_millis(1_795_428_000_123);
        let mut address = Object::new();
        address.set("city", "Paris");
        for message in [
            Message::track("u", "Order Completed")
                .with("total", 12.5)
                .with("skus", vec!["a", "b"])
                .at(at)
                .id("m"),
            Message::page(Ids::anonymous("d1"), "home").context("device", address.clone()),
            Message::screen("u", "cart"),
            Message::identify(Ids::both("u", "d1")).with("address", address).with("gone", Value::Null),
            Message::group("u", "g1").with("plan", "pro"),
            Message::alias("old", "u"),
            Message::merge("b", "a", "support ticket 7"),
            Message::split("a", ["b", "d1"]),
            Message::track(Ids::none().and("email_hash", "9f86").and("card", "c1"), "click"),
            Message::identify(Ids::both("u", "d1")).known_by("card", "c1"),
            Message::list("u", "vip-2026", false),
            Message::consent("u", Consent::granted("marketing").channel("email").until(at)).at(at),
            Message::consent("u", Consent::denied("marketing").source("form").policy_version("3")).at(at),
            Message::restrict("u", true),
            Message::world().with("sale", true),
            Message::item("boot-7")
                .with("price", 99.5)
                .with("tags", vec!["red", "new"])
                .with("gone", Value::Null),
            Message::remove_item("boot-7").at(at).id("m2"),
            Message::forget("u"),
            Message::forget("u").suppress(Suppress::Forever),
            Message::forget(Ids::anonymous("d1")).suppress(Suppress::Until(at)),
        ] {
            let json = serde_json::to_string(&message).unwrap();
            assert_eq!(Message::from_json(&json).unwrap(), message, "{json}");
            assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), message);
        }
    }

    #[test]
    fn unknown_fields_are_ignored_and_the_last_of_two_equal_names_counts() {
        let json = r#"{"type":"track","userId":"u","event":"e","sentAt":1,"properties":{"x":1,"x":2}}"#;
        let message = Message::from_json(json).unwrap();
        assert_eq!(message.event().unwrap().1.get("x"), Some(&Value::Int(2)));
    }
}
