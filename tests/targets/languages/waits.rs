// Threads in calls that are known: one in a lock, one in a channel, one that sleeps.
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
use std::time::Duration;

#[inline(never)]
fn known_lock(lock: &Mutex<u32>) -> u32 {
    *lock.lock().unwrap() + 1
}

#[inline(never)]
fn known_channel(from: &mpsc::Receiver<u32>) -> u32 {
    from.recv().unwrap() + 1
}

#[inline(never)]
fn known_sleep(depth: u32) -> u32 {
    if depth > 0 {
        return known_sleep(depth - 1) + 1;
    }
    thread::sleep(Duration::from_secs(3600));
    0
}

fn main() {
    let lock = Arc::new(Mutex::new(0));
    let held = lock.lock().unwrap();
    let (_to, from) = mpsc::channel();
    let other = Arc::clone(&lock);
    let threads = vec![
        thread::spawn(move || known_lock(&other)),
        thread::spawn(move || known_channel(&from)),
        thread::spawn(|| known_sleep(5)),
    ];
    thread::sleep(Duration::from_millis(100));
    println!("ready");
    for thread in threads {
        println!("{}", thread.join().unwrap());
    }
    drop(held);
}
