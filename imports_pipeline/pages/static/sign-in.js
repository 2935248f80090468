// The times of the pages are those of this browser's time zone.
document.getElementById("zone").value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
