// The server writes times in its own zone; here they are said again in the reader's: 12:04 today, Thu 17:40 within the
// last week, 18 Nov 2026 otherwise; <time data-when="full"> says both day and time, "clock" the time alone.

const part = (moment, options) => new Intl.DateTimeFormat("en-GB", options).format(moment);
const clock = (moment) => part(moment, { hour: "2-digit", minute: "2-digit" });
const date = (moment) => `${moment.getDate()} ${part(moment, { month: "short" }).slice(0, 3)} ${moment.getFullYear()}`;
const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());

const short = (moment) => {
  const age = Math.round((midnight(new Date()) - midnight(moment)) / 86_400_000);
  if (age === 0) return clock(moment);
  return age > 0 && age < 7 ? `${part(moment, { weekday: "short" })} ${clock(moment)}` : date(moment);
};

const styles = { short, clock, full: (moment) => `${date(moment)}, ${clock(moment)}` };

const localise = () => {
  for (const element of document.querySelectorAll("time[data-when]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = `${date(moment)} ${clock(moment)}`;
    element.textContent = styles[element.dataset.when](moment);
  }
};

// Where the server counts days, it asks which are the reader's.
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
if (timeZone) document.cookie = `zone=${timeZone}; path=/; max-age=31536000; samesite=lax`;

document.addEventListener("htmx:after:swap", localise);
localise();
