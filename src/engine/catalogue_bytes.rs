//! What is known of items, as it is written: a chunk of rows by itself, so that nobody waits for all of them, and those
//! that have not changed stay as they were written before.

use crate::engine::catalogue::{Catalogue, NONE, REMOVED};
use crate::engine::item_rows::{CHUNK, Chunk, Copied};
use crate::model::{Bytes, Malformed, Record, Unchanged};
use crate::profile::{PackedReader, PackedWriter, Symbols};
use crate::recommend::ItemId;
use crate::segment::ItemSchema;
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows as they were when this was made, to be written chunk by chunk while they go on to change.
#[derive(Debug)]
pub(crate) struct RowsToWrite {
    schema: Arc<ItemSchema>,
    chunks: VecDeque<Arc<Chunk>>,
    /// Has the texts stay.
    _copied: Copied,
}

impl RowsToWrite {
    /// How many chunks are left.
    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Tells of the next chunk whether it has changed.
    pub(super) fn next_of(&self) -> Option<Unchanged> {
        self.chunks.front().map(Unchanged::of)
    }

    /// Leaves out the next chunk, if there is one.
    pub(super) fn skip_next(&mut self) -> bool {
        self.chunks.pop_front().is_some()
    }

    /// Writes the next chunk, if there is one; with texts of its own, so that it can stay while others change.
    pub(super) fn write_next(&mut self, symbols: &Symbols, out: &mut Vec<u8>) -> bool {
        let Some(chunk) = self.chunks.pop_front() else { return false };
        let mut packed = PackedWriter::new(symbols);
        for (item, values, vector) in chunk.iter() {
            item.map(ItemId::number).write(out);
            if item.is_some() {
                values.iter().for_each(|value| packed.value(*value, out));
                if self.schema.vector > 0 {
                    vector.is_some().write(out);
                    vector.into_iter().flatten().for_each(|number| number.write(out));
                }
            }
        }
        true
    }
}

impl Catalogue {
    /// Writes which items were removed and how many rows there are; the rows are to be written behind that.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> RowsToWrite {
        let removed = (0_u32..).zip(&self.places).filter(|(_, place)| **place == REMOVED);
        removed.map(|(number, _)| number).collect::<Vec<u32>>().write(out);
        self.rows.len().write(out);
        let chunks = self.rows.chunks().iter().cloned().collect();
        RowsToWrite { schema: self.schema.clone(), chunks, _copied: self.releases.copied() }
    }

    /// Goes on with what was written under the same schema, of so many items. What was there has no shares.
    ///
    /// # Errors
    /// Bytes that were not written so.
    pub(crate) fn read(
        &mut self,
        from: &mut Bytes<'_>,
        items: usize,
        symbols: &mut Symbols,
    ) -> Result<(), Malformed> {
        let mut read = Catalogue::new(self.schema.clone());
        for number in from.read::<Vec<u32>>()? {
            if number as usize >= items {
                return Err(from.malformed("an item that was removed"));
            }
            read.put_place(ItemId::new(number), REMOVED);
        }
        let rows = from.len("items of the catalogue")?;
        for first in (0..rows).step_by(CHUNK) {
            let mut packed = PackedReader::new(symbols);
            for row in first..rows.min(first + CHUNK) {
                read.read_row(row, from, items, &mut packed)?;
            }
            packed.keep();
        }
        // The next item gets the first one.
        read.free.reverse();
        *self = read;
        Ok(())
    }

    fn read_row(
        &mut self,
        row: usize,
        from: &mut Bytes<'_>,
        items: usize,
        packed: &mut PackedReader<'_>,
    ) -> Result<(), Malformed> {
        self.rows.push();
        let Some(number) = from.read::<Option<u32>>()? else {
            self.free.push(row as u32);
            return Ok(());
        };
        let is_other = self.places.get(number as usize).is_some_and(|place| *place != NONE);
        if number as usize >= items || is_other {
            return Err(from.malformed("the number of an item"));
        }
        let item = ItemId::new(number);
        self.put_place(item, row as u32);
        self.rows.set_item(row, Some(item));
        let dimensions = self.schema.vector;
        let (values, vector) = self.rows.get_mut(row);
        for value in values {
            *value = packed.value(from)?;
        }
        if dimensions > 0 && bool::read(from)? {
            let finite = |_| from.valid("a number of a vector", |number: &f32| number.is_finite());
            *vector = Some((0..dimensions).map(finite).collect::<Result<_, _>>()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::Definitions;
    use crate::model::{Object, Value};
    use crate::recommend::Items;

    fn state(catalogue: &Catalogue, items: &Items, symbols: &Symbols) -> String {
        serde_json::to_string(&catalogue.state(items, symbols)).unwrap()
    }

    /// Items are described, removed and described again, and texts go and come, between any two chunks that are written.
    #[test]
    fn rows_are_written_as_they_were() {
        let text =
            "version = 1\n[catalogue]\nprice = \"number\"\nname = \"string\"\ntags = \"list\"\nvector = 2";
        let schema = Definitions::from_toml(text).unwrap().schema.items.clone();
        let (mut symbols, mut items) = (Symbols::default(), Items::default());
        let ids: Vec<ItemId> = (0..500).map(|i| items.intern(&format!("sku-{i}")).unwrap()).collect();
        let mut catalogue = Catalogue::new(schema.clone());
        let mut dice = fastrand::Rng::with_seed(8);
        let mut change = |catalogue: &mut Catalogue, symbols: &mut Symbols| {
            let item = ids[dice.usize(0..ids.len())];
            if dice.u8(0..5) == 0 {
                return catalogue.remove(item, symbols);
            }
            let mut attributes = Object::new();
            attributes.set("name", format!("a thing of {}", dice.u32(0..900)));
            attributes.set("price", Value::Int(dice.i64(0..9)));
            if dice.bool() {
                attributes.set("tags", vec![format!("tag-{}", dice.u32(0..900))]);
                attributes.set("vector", vec![dice.f64(), 1.0]);
            }
            catalogue.set(item, &attributes, symbols);
        };
        for changes in [0, 30, 900, 3_000] {
            (0..changes).for_each(|_| change(&mut catalogue, &mut symbols));
            let expected = state(&catalogue, &items, &symbols);
            let mut bytes = Vec::new();
            let mut rows = catalogue.write(&mut bytes);
            loop {
                (0..changes.min(200)).for_each(|_| change(&mut catalogue, &mut symbols));
                if !rows.write_next(&symbols, &mut bytes) {
                    break;
                }
            }
            drop(rows);
            let (mut read, mut others) = (Catalogue::new(schema.clone()), Symbols::default());
            let mut from = Bytes::new(&bytes);
            read.read(&mut from, items.len(), &mut others).unwrap();
            from.end().unwrap();
            assert_eq!(state(&read, &items, &others), expected);
            let mut again = Vec::new();
            let mut rows = read.write(&mut again);
            while rows.write_next(&others, &mut again) {}
            assert!(again == bytes, "{changes}");
            assert!(
                Catalogue::new(schema.clone()).read(&mut Bytes::new(&bytes), 3, &mut others).is_err()
                    || changes == 0
            );
        }
    }
}
