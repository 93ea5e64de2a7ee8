//! Turns public data sets (CSV, plain or gzipped) into messages in the order of time, with definitions to match, so
//! that `replay` can run on what people really did. Shows how little lies between a table and a stream of messages:
//! one function per set, each row a message or a line of one.
//!
//! ```text
//! cargo run --release --example import -- --set online_retail --data DIR --out OUTDIR [--gzip]
//! cargo run --release --example replay -- --definitions OUTDIR/definitions.toml --messages OUTDIR/messages.jsonl
//! ```
//! Sets: `otto`, `rsc15`, `online_retail`, `movielens`, `complete_journey`. `DIR` is the folder of the set, or the
//! one above it. Ids that are numbers get a letter in front: `0` is no id (`u0` is).

#[path = "import/table.rs"]
mod table;

use jiff::civil::DateTime;
use jiff::tz::TimeZoneDatabase;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::{Folder, millis};

const USAGE: &str = "usage: import --set otto|rsc15|online_retail|movielens|complete_journey --data DIR --out OUTDIR [--gzip]";

/// What goes wrong is told to a person, with file and line, and nothing is tried again: a text is enough.
type Result<T> = std::result::Result<T, String>;

struct Set {
    name: &'static str,
    folder: &'static str,
    read: fn(&Folder, &mut Import) -> Result<()>,
    definitions: &'static str,
}

#[rustfmt::skip]
static SETS: [Set; 5] = [
    Set { name: "otto", folder: "otto_sample", read: otto, definitions: include_str!("data/import/otto.toml") },
    Set { name: "rsc15", folder: "rsc15", read: rsc15, definitions: include_str!("data/import/rsc15.toml") },
    Set { name: "online_retail", folder: "online_retail", read: online_retail, definitions: include_str!("data/import/online_retail.toml") },
    Set { name: "movielens", folder: "movielens_small", read: movielens, definitions: include_str!("data/import/movielens.toml") },
    Set { name: "complete_journey", folder: "complete_journey", read: complete_journey, definitions: include_str!("data/import/complete_journey.toml") },
];

fn main() -> ExitCode {
    let arguments = match Arguments::read() {
        Ok(arguments) => arguments,
        Err(e) => {
            eprintln!("error: {e}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let set = arguments.set;
    if !arguments.data.is_dir() {
        return Err(format!("there is no folder `{}`", arguments.data.display()));
    }
    let below = arguments.data.join(set.folder);
    let folder = if below.is_dir() { below } else { arguments.data.clone() };
    let mut import = Import { set: set.name, ..Import::default() };
    (set.read)(&Folder(folder), &mut import)?;
    if import.messages.is_empty() {
        return Err(format!("the files in `{}` hold no message", arguments.data.display()));
    }
    // A stable sort: messages of one instant stay in the order of the file.
    import.messages.sort_by_key(|(at, _)| *at);
    import.write(set, &arguments.out, arguments.gzip)?;
    import.summarize(&mut std::io::stdout()).map_err(|e| format!("the summary cannot be written: {e}"))?;
    assert_eq!(import.events.values().sum::<usize>(), import.messages.len(), "every message is counted once");
    Ok(())
}

/// A click is a `view`, a cart an `add_to_cart`, an order a `purchase`. A session is a user over four weeks.
fn otto(tables: &Folder, import: &mut Import) -> Result<()> {
    tables.each("events", |row| {
        let event = match row.text("event")? {
            "click" => "view",
            "cart" => "add_to_cart",
            "order" => "purchase",
            other => return Err(format!("`{other}` is no event; known are click, cart and order")),
        };
        let properties = json!({ "sku": row.id("i", "item_id")? });
        import.track(&row.id("u", "session_id")?, row.millis()?, event, properties)
    })
}

fn rsc15(tables: &Folder, import: &mut Import) -> Result<()> {
    tables.each("clicks", |row| {
        let properties = json!({ "sku": row.id("i", "item_id")? });
        import.track(&row.id("s", "session_id")?, row.millis()?, "view", properties)
    })
}

/// Not goods but charges, samples and corrections.
const CHARGES: [&str; 12] =
    ["POST", "DOT", "M", "m", "C2", "D", "S", "B", "CRUK", "BANK CHARGES", "AMAZONFEE", "PADS"];

/// The lines of an invoice are one `purchase`, those of a cancellation (its number begins with C) one `return`.
/// Amounts are those of goods.
fn online_retail(tables: &Folder, import: &mut Import) -> Result<()> {
    let mut names = HashMap::new();
    tables.each("products", |row| {
        names.insert(row.text("stock_code")?.to_owned(), row.text("description")?.trim().to_owned());
        Ok(())
    })?;
    let london = TimeZoneDatabase::bundled().get("Europe/London").map_err(|e| e.to_string())?;
    let (mut orders, mut countries) = (Orders::default(), HashMap::new());
    tables.each("order_lines", |row| {
        let (invoice, sku) = (row.text("invoice")?, row.text("stock_code")?);
        let (quantity, price) = (row.number::<i64>("quantity")?, row.amount("unit_price_gbp")?);
        let returned = invoice.starts_with('C');
        let reason = match () {
            () if row.text("customer_id")?.is_empty() => Some("lines without a customer"),
            () if CHARGES.contains(&sku) => Some("lines that are no goods (postage, charges)"),
            () if price <= 0.0 => Some("lines without a price"),
            () if (quantity < 0) != returned => Some("lines whose sign does not fit the invoice"),
            () => None,
        };
        if let Some(reason) = reason {
            import.skip(reason);
            return Ok(());
        }
        let user = row.id("u", "customer_id")?;
        let at = row.parsed::<DateTime>("ts", "a date and time")?;
        let at = millis(at, &london)?;
        let country = row.text("country")?;
        if country != "Unspecified"
            && countries.insert(user.clone(), country.to_owned()).is_none_or(|old| old != country)
        {
            import.identify(&user, at, json!({ "country": country }))?;
        }
        let mut line = json!({ "price": price, "quantity": quantity.abs(), "sku": sku });
        if let Some(name) = names.get(sku) {
            line["description"] = json!(name);
        }
        orders.add(invoice, &user, at, price * quantity.abs() as f64, line);
        Ok(())
    })?;
    for order in orders.list {
        let event = if order.id.starts_with('C') { "return" } else { "purchase" };
        let properties =
            json!({ "order_id": order.id, "amount": cents(order.amount), "products": order.lines });
        import.track(&order.user, order.at, event, properties)?;
    }
    Ok(())
}

/// A rating is a `rate`, with what is known of the film; a `tag` is a word that a user gave to one.
fn movielens(tables: &Folder, import: &mut Import) -> Result<()> {
    let mut films = HashMap::new();
    tables.each("items", |row| {
        // Some films have no genre, which the file says in words.
        let genres: Vec<&str> = row.text("genres")?.split('|').filter(|g| !g.starts_with('(')).collect();
        let title = row.text("title")?.trim();
        let mut film = json!({ "sku": row.id("f", "item_id")?, "title": title, "genres": genres });
        if let Some(first) = genres.first() {
            film["genre"] = json!(first);
        }
        // `Toy Story (1995)`
        let year = title.rsplit_once('(').and_then(|(_, year)| year.strip_suffix(')'));
        if let Some(year) = year.and_then(|year| year.parse::<i64>().ok()) {
            film["year"] = json!(year);
        }
        films.insert(row.text("item_id")?.to_owned(), film);
        Ok(())
    })?;
    for (file, event, name) in [("ratings", "rate", "stars"), ("tags", "tag", "tag")] {
        tables.each(file, |row| {
            let item = row.text("item_id")?;
            let mut properties =
                films.get(item).ok_or_else(|| format!("there is no film `{item}` in items.csv"))?.clone();
            properties[name] = match event {
                "rate" => json!(row.amount("rating")?),
                _ => json!(row.text("tag")?.to_lowercase()),
            };
            import.track(&row.id("u", "user_id")?, row.millis()?, event, properties)
        })?;
    }
    Ok(())
}

/// A basket is a `purchase`; what is known of a household its attributes; a campaign that it was sent a
/// `campaign_received`, a coupon handed in a `redeem`. Days without a time count as noon UTC.
fn complete_journey(tables: &Folder, import: &mut Import) -> Result<()> {
    let mut products = HashMap::new();
    tables.each("products", |row| {
        let names = [("department", "department"), ("brand", "brand"), ("category", "product_category")];
        let mut product = Map::new();
        for (name, column) in names {
            row.set(&mut product, name, column)?;
        }
        products.insert(row.text("product_id")?.to_owned(), Value::Object(product));
        Ok(())
    })?;
    let (mut orders, mut last) = (Orders::default(), 0);
    tables.each("transactions", |row| {
        let (product, value) = (row.text("product_id")?, row.amount("sales_value")?);
        let mut line = products.get(product).cloned().unwrap_or_else(|| json!({}));
        line["sku"] = json!(row.id("p", "product_id")?);
        line["quantity"] = json!(row.number::<i64>("quantity")?);
        line["value"] = json!(value);
        line["saved"] = json!(cents(
            row.amount("retail_disc")? + row.amount("coupon_disc")? + row.amount("coupon_match_disc")?
        ));
        let at = row.millis()?;
        last = last.max(at);
        orders.add(row.text("basket_id")?, &row.id("u", "household_id")?, at, value, line);
        Ok(())
    })?;
    let first = orders.list.iter().map(|order| order.at).min().unwrap_or(0);
    tables.each("demographics", |row| {
        let columns = [
            "age",
            "income",
            "home_ownership",
            "marital_status",
            "household_size",
            "household_comp",
            "kids_count",
        ];
        let mut traits = Map::new();
        for column in columns {
            row.set(&mut traits, column, column)?;
        }
        import.identify(&row.id("u", "household_id")?, first, Value::Object(traits))
    })?;
    for order in orders.list {
        let properties =
            json!({ "order_id": order.id, "amount": cents(order.amount), "products": order.lines });
        import.track(&order.user, order.at, "purchase", properties)?;
    }
    let mut campaigns = HashMap::new();
    tables.each("campaign_descriptions", |row| {
        let what = (row.text("campaign_type")?.to_owned(), row.noon("start_date")?);
        campaigns.insert(row.text("campaign_id")?.to_owned(), what);
        Ok(())
    })?;
    for (file, event) in [("campaigns", "campaign_received"), ("coupon_redemptions", "redeem")] {
        tables.each(file, |row| {
            let id = row.text("campaign_id")?;
            let (kind, starts) =
                campaigns.get(id).ok_or_else(|| format!("campaign `{id}` is not described"))?;
            let mut properties = json!({ "campaign_id": id, "campaign_type": kind });
            let mut at = *starts;
            if event == "redeem" {
                properties["coupon"] = json!(row.id("k", "coupon_upc")?);
                at = row.noon("redemption_date")?;
            } else if at > last {
                import.skip("campaigns that begin after the last basket");
                return Ok(());
            }
            import.track(&row.id("u", "household_id")?, at, event, properties)
        })?;
    }
    Ok(())
}

/// Lines put together to orders, in the order in which each first appears.
#[derive(Default)]
struct Orders {
    list: Vec<Order>,
    places: HashMap<String, usize>,
}

struct Order {
    id: String,
    user: String,
    at: i64,
    amount: f64,
    lines: Vec<Value>,
}

impl Orders {
    fn add(&mut self, id: &str, user: &str, at: i64, amount: f64, line: Value) {
        let place = match self.places.entry(id.to_owned()) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.list.push(Order {
                    id: id.into(),
                    user: user.into(),
                    at,
                    amount: 0.0,
                    lines: Vec::new(),
                });
                *new.insert(self.list.len() - 1)
            }
        };
        self.list[place].amount += amount;
        self.list[place].lines.push(line);
    }
}

/// What is read so far.
#[derive(Default)]
struct Import {
    set: &'static str,
    messages: Vec<(i64, String)>,
    users: BTreeSet<String>,
    events: BTreeMap<&'static str, usize>,
    skipped: BTreeMap<&'static str, usize>,
}

impl Import {
    fn track(&mut self, user: &str, at: i64, event: &'static str, properties: Value) -> Result<()> {
        self.push(user, at, event, json!({ "type": "track", "event": event, "properties": properties }))
    }

    fn identify(&mut self, user: &str, at: i64, traits: Value) -> Result<()> {
        self.push(user, at, "identify", json!({ "type": "identify", "traits": traits }))
    }

    fn push(&mut self, user: &str, at: i64, counted: &'static str, mut message: Value) -> Result<()> {
        message["messageId"] = json!(format!("{}-{}", self.set, self.messages.len() + 1));
        message["userId"] = json!(user);
        message["timestamp"] = json!(at);
        let text = message.to_string();
        if text.len() > 64 * 1024 {
            return Err(format!("the message has {} bytes; an engine takes 64 KiB", text.len()));
        }
        self.messages.push((at, text));
        if !self.users.contains(user) {
            self.users.insert(user.to_owned());
        }
        *self.events.entry(counted).or_default() += 1;
        Ok(())
    }

    fn skip(&mut self, reason: &'static str) {
        *self.skipped.entry(reason).or_default() += 1;
    }

    fn write(&self, set: &Set, out: &Path, gzip: bool) -> Result<()> {
        let told = |path: &Path, e: std::io::Error| format!("`{}` cannot be written: {e}", path.display());
        std::fs::create_dir_all(out).map_err(|e| told(out, e))?;
        let path = out.join("definitions.toml");
        std::fs::write(&path, set.definitions).map_err(|e| told(&path, e))?;
        let path = out.join(if gzip { "messages.jsonl.gz" } else { "messages.jsonl" });
        let mut file = BufWriter::new(File::create(&path).map_err(|e| told(&path, e))?);
        let lines =
            |to: &mut dyn Write| self.messages.iter().try_for_each(|(_, text)| writeln!(to, "{text}"));
        let written = if gzip {
            let mut encoder = flate2::write::GzEncoder::new(&mut file, flate2::Compression::default());
            lines(&mut encoder).and_then(|()| encoder.finish().map(drop))
        } else {
            lines(&mut file)
        };
        written.and_then(|()| file.flush()).map_err(|e| told(&path, e))
    }

    fn summarize(&self, to: &mut dyn Write) -> std::io::Result<()> {
        writeln!(to, "{}: {} messages of {} users", self.set, self.messages.len(), self.users.len())?;
        if let (Some((first, _)), Some((last, _))) = (self.messages.first(), self.messages.last()) {
            let show =
                |at: i64| jiff::Timestamp::from_millisecond(at).map_or(at.to_string(), |t| t.to_string());
            writeln!(to, "  from {} to {}", show(*first), show(*last))?;
        }
        self.events.iter().try_for_each(|(event, count)| writeln!(to, "  {count:>8} {event}"))?;
        self.skipped.iter().try_for_each(|(reason, count)| writeln!(to, "  {count:>8} skipped: {reason}"))
    }
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

struct Arguments {
    set: &'static Set,
    data: PathBuf,
    out: PathBuf,
    gzip: bool,
}

impl Arguments {
    fn read() -> std::result::Result<Arguments, lexopt::Error> {
        use lexopt::prelude::*;
        let (mut set, mut data, mut out, mut gzip) = (None, None, None, false);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("set") => {
                    let name = parser.value()?.string()?;
                    let found = SETS.iter().find(|set| set.name == name);
                    set = Some(found.ok_or_else(|| format!("there is no set `{name}`"))?);
                }
                Long("data") => data = Some(parser.value()?.into()),
                Long("out") => out = Some(parser.value()?.into()),
                Long("gzip") => gzip = true,
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0);
                }
                other => return Err(other.unexpected()),
            }
        }
        let missing = |name: &str| lexopt::Error::from(format!("`--{name}` is missing"));
        Ok(Arguments {
            set: set.ok_or_else(|| missing("set"))?,
            data: data.ok_or_else(|| missing("data"))?,
            out: out.ok_or_else(|| missing("out"))?,
            gzip,
        })
    }
}
