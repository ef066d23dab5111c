//! Numbers and times for a person.

use workdisk::model::Timestamp;

/// A number of bytes to three digits, in the greatest unit that leaves one before the point.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut number, mut unit) = (bytes, 0);
    while number >= 1024 * 1024 {
        number /= 1024;
        unit += 1;
    }
    let digits = if number < 10 * 1024 { 1 } else { 0 };
    format!("{:.digits$} {}", number as f64 / 1024.0, UNITS[unit])
}

/// A point in time to the minute, in UTC.
pub(crate) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}
