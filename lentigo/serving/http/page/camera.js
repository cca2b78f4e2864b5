/** The camera: a live view with a shutter, or the telephone's own camera where the browser gives no view. */

/** Photographs taken go to `take`, a File each; `capture` is the file input that stands in. Gives what is to be said of it, "" for nothing. */
export async function openCamera(take, capture) {
  let stream;
  try {
    stream = await startStream("environment");
  } catch {
    capture.click();
    return "The browser gives this page no camera: there is none, or it is not allowed. Choose a photograph instead.";
  }
  showCamera(stream, take);
  return "";
}

/** Raises where the browser has no cameras to give, as over plain HTTP, where there is none, and where the reader forbids it. */
async function startStream(facing) {
  return navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: { ideal: facing }, width: { ideal: 1920 }, height: { ideal: 1920 } } });
}

function showCamera(stream, take) {
  const dialog = document.getElementById("camera"), view = document.getElementById("camera-view"), ended = new AbortController(), { signal } = ended;
  const shutter = document.getElementById("camera-shutter"), stop = () => view.srcObject?.getTracks().forEach((track) => track.stop());
  let facing = "environment";
  const turn = async () => {
    facing = facing === "environment" ? "user" : "environment";
    stop();
    view.srcObject = await startStream(facing);
    await view.play();
  };
  shutter.addEventListener("click", async () => { take(await takePhotograph(view)); dialog.close(); }, { signal });
  document.getElementById("camera-turn").addEventListener("click", () => turn().catch(() => dialog.close()), { signal });
  document.getElementById("camera-close").addEventListener("click", () => dialog.close(), { signal });
  dialog.addEventListener("close", () => { ended.abort(); stop(); view.srcObject = null; }, { signal });
  shutter.disabled = true;
  view.addEventListener("loadeddata", () => { shutter.disabled = false; shutter.focus(); }, { signal });
  view.srcObject = stream;
  dialog.showModal();
  view.play().catch(() => {}); // the dialog was closed meanwhile
}

/** What the view shows now, at the camera's own size. */
async function takePhotograph(view) {
  const canvas = document.createElement("canvas");
  canvas.width = view.videoWidth;
  canvas.height = view.videoHeight;
  canvas.getContext("2d").drawImage(view, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}
