/** The key of the service: asked for once, kept until the tab is closed. */

const NAME = "lentigo-key";
let asking = null;

/** The key, or null. */
export function readKey() {
  return sessionStorage.getItem(NAME);
}

/** Forgets the key, and with it which records this tab has made. */
export function forgetKey() {
  sessionStorage.clear();
}

/** Asks for a key after `refused` (null: none was sent) was not accepted; requests that wait share one question. False: the reader closed it. */
export async function renewKey(refused) {
  if (readKey() !== refused) return true;
  asking ??= askKey(refused !== null).finally(() => { asking = null; });
  return asking;
}

function askKey(refused) {
  const dialog = document.getElementById("key"), value = document.getElementById("key-value");
  document.getElementById("key-why").textContent = refused
    ? "The service did not accept that key. Try another one."
    : "This service answers only to those who have a key. Its operator gives you one.";
  value.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(keepKey(dialog.returnValue === "use", value)), { once: true }));
}

function keepKey(used, input) {
  const key = input.value.trim();
  input.value = "";
  if (!used || !/^[\x21-\x7e]+$/.test(key)) {
    forgetKey(); // a service that needs none refuses an old one
    return false;
  }
  sessionStorage.setItem(NAME, key);
  return true;
}
