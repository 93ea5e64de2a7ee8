//! How messages look before anybody gets one.

use crate::engine::{Engine, Error, Partition};
use crate::model::{Object, Value};

impl Partition {
    /// What a template says to a user: the content that a step of a journey would send now. For whoever writes messages, and
    /// wants to see them with the names of real people. Changes nothing, and asks neither the gate nor for consent, because
    /// nothing is sent.
    ///
    /// `key` is what would key the instance, which is also the id of the `item` that templates see, and null for none;
    /// `event` are the properties of the event that would begin it. Of a user who is not known there are no attributes, so
    /// that fallbacks show. O(length of what is rendered).
    ///
    /// ```
    /// use bespoke::definitions::Definitions;
    /// use bespoke::engine::Partition;
    /// use bespoke::model::{Instant, Message, Object, Value};
    ///
    /// let definitions = Definitions::from_toml(r#"
    ///     version = 1
    ///     [attributes]
    ///     first_name = "string"
    ///     [catalogue]
    ///     brand = "string"
    ///     [templates.cheaper]
    ///     title = "{{ user.first_name | default('Hello') }}, {{ item.brand }} costs {{ event.price }} now"
    /// "#)?;
    /// let mut partition = Partition::new(&definitions);
    /// let now: Instant = "2026-11-23T10:00:00Z".parse()?;
    /// partition.ingest(&Message::item("boot-7").with("brand", "Alp"), now)?;
    /// partition.ingest(&Message::identify("ada").with("first_name", "Ada"), now)?;
    ///
    /// let (key, event) = (Value::from("boot-7"), Object::new().with("price", 79));
    /// let content = partition.preview("ada", "cheaper", &key, &event)?;
    /// assert_eq!(content.get("title").and_then(Value::as_str), Some("Ada, Alp costs 79 now"));
    /// let content = partition.preview("nobody", "cheaper", &key, &event)?;
    /// assert_eq!(content.get("title").and_then(Value::as_str), Some("Hello, Alp costs 79 now"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A template that is not defined, with the nearest name; one that says nothing of this, with the field and the reason,
    /// as the note of a message that was not sent has it.
    pub fn preview(&self, user: &str, template: &str, key: &Value, event: &Object) -> Result<Object, Error> {
        let key = Some(key).filter(|key| **key != Value::Null);
        Ok(self.contents().render(template, self.store.find(user), key, Some(event))?)
    }
}

impl Engine {
    /// What a template says to a user. See [`Partition::preview`].
    ///
    /// # Errors
    /// As [`Partition::preview`], or a user who cannot be read.
    pub fn preview(&self, user: &str, template: &str, key: &Value, event: &Object) -> Result<Object, Error> {
        self.read_user(user, |partition| partition.preview(user, template, key, event))?
    }
}
