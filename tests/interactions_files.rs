//! Which files of interactions `examples/evaluate` reads, and what it says of the others.

#[path = "../examples/evaluate/read.rs"]
mod read;

use bespoke::model::Instant;
use proptest::prelude::*;
use read::{file, interactions};
use std::path::Path;

/// Owners, items and instants, in order of time.
fn rows(csv: &str, min_rating: Option<f64>) -> Vec<(u32, String, i64)> {
    let data = interactions(csv.as_bytes(), min_rating).expect("a file that is right");
    let item = |item| data.items().name(item).expect("an item of its own").to_owned();
    data.interactions().map(|found| (found.user(), item(found.item()), found.at().as_millis())).collect()
}

#[test]
fn headers_and_instants() {
    let at = "2026-11-23T10:00:00Z".parse::<Instant>().unwrap().as_millis();
    for csv in [
        "session_id,item_id,timestamp\ns,a,1795428000\n",
        "session_id,item_id,timestamp\ns,a,1795428000000\n",
        "session_id,item_id,timestamp\ns,a,1795428000.0\n",
        "session_id,item_id,timestamp\ns,a,2026-11-23T11:00:00+01:00\n",
        "timestamp,item_id,user_id\n 1795428000 , a,s\n",
        "user_id,item_id,rating,ts_ms\n7,a,4.5,1795428000000\n",
        "user_id,\"item_id\",timestamp\r\n7,\"a\",1795428000",
    ] {
        assert_eq!(rows(csv, None), [(0, "a".to_owned(), at)], "{csv}");
    }
    // Milliseconds say so in the header: few of them are not taken for seconds.
    assert_eq!(rows("user_id,item_id,ts_ms\n7,a,1000\n", None)[0].2, 1_000);
    assert_eq!(rows("user_id,item_id,timestamp\n7,a,1000\n", None)[0].2, 1_000_000);
}

#[test]
fn rows_without_times_keep_their_order() {
    let csv = "session_id,position,item_id\nx,1,b\ny,0,c\nx,0,a\ny,10,e\ny,9,d\n";
    let names = |csv: &str| rows(csv, None).into_iter().map(|row| row.1).collect::<String>();
    assert_eq!(names(csv), "abcde");
    assert_eq!(names("session_id,item_id\nx,b\ny,c\nx,a\n"), "bca");
}

#[test]
fn low_ratings_are_left_out() {
    let csv = "user_id,item_id,timestamp,rating\n1,a,1,3.5\n1,b,2,4\n1,c,3,5\n";
    let names = |least| rows(csv, least).into_iter().map(|row| row.1).collect::<String>();
    assert_eq!((names(None), names(Some(4.0)), names(Some(9.0))), ("abc".into(), "bc".into(), String::new()));
}

#[test]
fn bad_files_name_the_line() {
    let head = "user_id,item_id,timestamp,rating\n1,a,1,3\n";
    for (csv, error) in [
        (String::new(), "line 1: the header has no column `session_id` or `user_id`"),
        ("user_id,thing,timestamp\n".into(), "line 1: the header has no column `item_id`"),
        (
            "user_id,item_id,timestamp\n1,a,1\n".into(),
            "line 1: the header has no column `rating`, which `--min-rating` wants",
        ),
        (
            format!("{head}1,b,noon,3\n"),
            "line 3: `noon` is not an instant, in seconds, milliseconds or RFC 3339",
        ),
        (format!("{head}1,b,,3\n"), "line 3: `` is not an instant, in seconds, milliseconds or RFC 3339"),
        (format!("{head}1,b,1e300,3\n"), "line 3: `1e300` is not an instant of the years 1 to 9999"),
        (format!("{head}1,b,inf,3\n"), "line 3: `inf` is not an instant of the years 1 to 9999"),
        (format!("{head}1,b,1,good\n"), "line 3: `good` is not a rating"),
        (format!("{head}1,b,1,NaN\n"), "line 3: `NaN` is not a rating"),
        (
            format!("{head}1,,1,3\n"),
            "line 3: the id of the item is empty; leave the event out where there is no item",
        ),
        (
            format!("{head},b,1,3\n"),
            "line 3: the id of the session or user is empty; leave the row out where nobody is known",
        ),
    ] {
        let refused = interactions(csv.as_bytes(), Some(1.0)).unwrap_err();
        assert_eq!(refused.to_string(), error, "{csv}");
    }
    let short = interactions("user_id,item_id,timestamp\n1,a,1\n1,a\n".as_bytes(), None).unwrap_err();
    assert!(short.to_string().starts_with("line 3: "), "{short}");
    let garbled = interactions(&b"user_id,item_id\n1,a\n1,\xff\xfe\n"[..], None).unwrap_err();
    assert!(garbled.to_string().starts_with("line 3: "), "{garbled}");
    let missing = file(Path::new("no/such/file.csv"), None).unwrap_err();
    assert!(missing.to_string().starts_with("`no/such/file.csv` cannot be read: "), "{missing}");
}

proptest! {
    #[test]
    fn garbage_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), head in 0_usize..4) {
        let head = ["", "user_id,item_id,timestamp\n", "session_id,item_id,position\n", "user_id,item_id,rating\n"][head];
        let csv = [head.as_bytes(), &bytes].concat();
        let _ = interactions(&*csv, Some(2.0));
        let _ = interactions(&*csv, None);
    }

    #[test]
    fn likely_fields_are_read_or_refused(text in "([0-9.e\",\n:TZ-]|[ab]){0,60}") {
        let _ = interactions(format!("user_id,item_id,timestamp\n{text}").as_bytes(), None);
        let _ = interactions(format!("session_id,position,item_id\n{text}").as_bytes(), None);
    }
}
