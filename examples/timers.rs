//! What you learn: the timing wheel alone. A shop reminds of carts that were left, an hour after they were last touched;
//! the deadline in a cart's row is the truth, and the wheel only knows when to look.

use bespoke::model::{Duration, Instant};
use bespoke::trigger::TimingWheel;
use std::error::Error;

/// What the shop keeps of a cart.
#[derive(Clone)]
struct Cart {
    remind: Option<Instant>,
}

/// Somebody puts something in: the reminder moves an hour away. The wheel is told only where there was none.
fn touch(carts: &mut [Cart], wheel: &mut TimingWheel<u32>, cart: u32, now: Instant) {
    let before = carts[cart as usize].remind.replace(now + Duration::hours(1));
    if before.is_none() {
        wheel.schedule(now + Duration::hours(1), cart);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let open: Instant = "2026-11-23T10:00:00Z".parse()?;
    let mut carts = vec![Cart { remind: None }; 100_000];
    let mut wheel = TimingWheel::new(open);

    // Each cart is touched once in the first minutes, and every other one again, half an hour later: one store, no call.
    for cart in 0..100_000_u32 {
        touch(&mut carts, &mut wheel, cart, open + Duration::from_millis(i64::from(cart)));
    }
    for cart in (0..100_000).step_by(2) {
        touch(&mut carts, &mut wheel, cart, open + Duration::minutes(30));
    }
    // One in five is bought: its reminder is cancelled, again by a store.
    for cart in (0..100_000).step_by(5) {
        carts[cart].remind = None;
    }

    // A host sleeps until something may be due. It may wake in vain: the wheel does not know yet of what has moved.
    assert_eq!(wheel.next_due(), Some(open + Duration::hours(1)));

    // The owner is asked for the deadline as a hint comes up. It clears the deadlines of what it was given.
    let (mut due, mut reminded) = (Vec::new(), Vec::new());
    let evening = open + Duration::hours(8);
    while let Some(at) = wheel.next_batch(evening, |cart: u32| carts[cart as usize].remind, &mut due) {
        for cart in &due {
            carts[*cart as usize].remind = None;
            reminded.push((at, *cart));
        }
    }
    assert!(reminded.is_sorted(), "in order of instant and cart, however often the host looks");
    assert_eq!(reminded[0], (open + Duration::hours(1) + Duration::from_millis(1), 1));

    // Nothing of the wheel is kept: after a restart it is made again from the rows.
    touch(&mut carts, &mut wheel, 7, evening);
    let mut again = TimingWheel::new(evening);
    for (cart, row) in (0..).zip(&carts) {
        row.remind.into_iter().for_each(|due| again.schedule(due, cart));
    }
    assert_eq!(again.next_due(), Some(evening + Duration::hours(1)));

    println!("{} of 100000 carts were reminded of, {} wait", reminded.len(), again.len());
    assert_eq!((reminded.len(), again.len()), (80_000, 1));
    Ok(())
}
