// Thousands of thumbnails at once: one instanced draw call in WebGL 2; where no graphics card would run that, a plain
// canvas that draws some while it moves, and all once it rests.

const SMALLEST = 7;
const LARGEST = 110;
const PLAIN_MOST = 1500;
const PLAIN_LEAST = 250;
const SLOW = 20;
const GOLDEN = 0.6180339887498949;
const REST = 160;
/** Of what is not selected, while something is. */
const FAINT = 0.16;
/** By how much lighter the colour of what is in no frequent kind is. */
const LESS = 0.6;

/** How much of a picture of so many pixels its colour takes: all of a small one, a frame of this width around a large one. */
const colourOf = (size) => ({ tint: Math.min(1, Math.max(0, (30 - size) / 14)), rim: size < 18 ? 0 : Math.max(2, size * 0.05) });

const VERTEX = `#version 300 es
layout(location=0) in vec2 corner;
layout(location=1) in vec2 place;
layout(location=2) in vec3 tile;
layout(location=3) in vec4 tone;
layout(location=4) in float shade;
uniform vec2 centre, scale, half_size;
uniform vec2 tile_size;
out vec3 at;
out vec2 edge;
flat out vec4 told;
flat out float light;
void main() {
  told = tone;
  light = shade;
  gl_Position = vec4((place - centre) * scale + corner * half_size, 0.0, 1.0);
  at = vec3(tile.xy + (corner * vec2(0.5, -0.5) + 0.5) * tile_size, tile.z);
  edge = corner;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
precision mediump sampler2DArray;
uniform sampler2DArray sheets;
in vec3 at;
in vec2 edge;
flat in vec4 told;
flat in float light;
uniform float tint, frame;
out vec4 colour;
void main() {
  float corner = length(max(abs(edge) - 0.78, 0.0)) / 0.22;
  if (corner > 1.0) discard;
  float rim = step(1.0 - frame, max(abs(edge.x), abs(edge.y)));
  colour = vec4(mix(texture(sheets, at).rgb, told.rgb, ceil(told.a) * max(tint, rim)), 1.0) * light * (1.0 - (told.a == 0.5 ? ${LESS} * tint : 0.0));
}`;

/** Pixels for one unit of the plane, so that at a zoom of 1 all pictures are seen: `wide` and `high` are the furthest. */
export function unitOf(view, width, height) {
  return Math.min(width / (2.16 * view.wide), height / (2.16 * view.high)) * view.zoom;
}

/**
 * A painter for a canvas: `order(ids)`, `tone(colours, mask)` of a colouring (or null) and what is selected (or null),
 * `draw(view, points, chosen)`, `sizeAt(zoom)`, `resize()`, `end()`.
 */
export async function painter(canvas, atlas, sheet, loaded) {
  const images = Array.from({ length: atlas.sheets }, (_, n) => load(sheet(n)));
  const gl = hasGraphics() ? canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true }) : null;
  const density = Math.sqrt(Math.max(1, atlas.ids.length / 800));
  const sizeAt = (zoom) => Math.min(LARGEST, Math.max(SMALLEST, (24 / density ** 0.6) * zoom ** 0.75));
  const made = gl ? byGraphics(gl, canvas, atlas, images, loaded, sizeAt) : byCanvas(canvas, atlas, images, loaded, sizeAt);
  made.resize();
  return { ...made, sizeAt };
}

/** Whether a graphics card draws WebGL here, and not the processor, for which a plain canvas is less work. */
function hasGraphics() {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

async function load(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error("a sheet of thumbnails is missing");
  return createImageBitmap(await answer.blob());
}

function fit(canvas) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
}

/** Where in the sheets each picture lies: column, row, sheet. */
function tiles(ids, atlas) {
  const place = new Map(atlas.ids.map((id, i) => [id, i]));
  return ids.map((id) => {
    const at = place.get(id) ?? 0;
    const inSheet = at % atlas.per_sheet;
    return [inSheet % atlas.columns, Math.floor(inSheet / atlas.columns), Math.floor(at / atlas.per_sheet)];
  });
}

function byGraphics(gl, canvas, atlas, images, loaded, sizeAt) {
  const program = link(gl);
  const where = (name) => gl.getUniformLocation(program, name);
  const at = { centre: where("centre"), scale: where("scale"), half: where("half_size"), tile: where("tile_size"), tint: where("tint"), frame: where("frame") };
  const rows = Math.ceil(Math.min(atlas.per_sheet, atlas.ids.length) / atlas.columns);
  const [width, height] = [atlas.columns * atlas.tile, rows * atlas.tile];
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
  const levels = 3; // below a quarter tiles would run into one another
  gl.texStorage3D(gl.TEXTURE_2D_ARRAY, levels, gl.RGBA8, width, height, atlas.sheets);
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  images.forEach(async (coming, n) => {
    const image = await coming.catch(() => null);
    if (!image || gl.isContextLost()) return;
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, n, Math.min(width, image.width), Math.min(height, image.height), 1, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.generateMipmap(gl.TEXTURE_2D_ARRAY);
    loaded();
  });
  const buffers = [0, 1, 2, 3, 4].map(() => gl.createBuffer());
  const fill = (n, data, size, once) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[n]);
    gl.bufferData(gl.ARRAY_BUFFER, data, once ? gl.STATIC_DRAW : gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(n);
    gl.vertexAttribPointer(n, size, gl.FLOAT, false, 0, 0);
    gl.vertexAttribDivisor(n, n ? 1 : 0);
  };
  fill(0, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), 2, true);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  let held = null;
  let number = 0;
  function tone(colours, mask) {
    const tones = new Float32Array(4 * number);
    if (colours) colours.of.forEach((n, i) => { if (colours.palette[n]) tones.set([...colours.palette[n].map((one) => one / 255), n === colours.faint ? 0.5 : 1], 4 * i); });
    fill(3, tones, 4, true);
    fill(4, Float32Array.from({ length: number }, (_, i) => (mask && !mask[i] ? FAINT : 1)), 1, true);
  }
  const inset = 0.5 / atlas.tile;
  return {
    kind: "webgl",
    order(ids) {
      number = ids.length;
      fill(2, Float32Array.from(tiles(ids, atlas).flatMap(([column, row, layer]) => [((column + inset) * atlas.tile) / width, ((row + inset) * atlas.tile) / height, layer])), 3, true);
      tone(null, null);
    },
    tone,
    resize: () => fit(canvas),
    draw(view, points, chosen) {
      if (held !== points) { fill(1, points, 2, false); held = points; }
      const unit = unitOf(view, canvas.width, canvas.height);
      const ratio = canvas.width / Math.max(canvas.clientWidth, 1);
      const size = sizeAt(view.zoom) * ratio;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.useProgram(program);
      gl.uniform2f(at.centre, view.x, view.y);
      gl.uniform2f(at.scale, (2 * unit) / canvas.width, (2 * unit) / canvas.height);
      gl.uniform2f(at.half, size / canvas.width, size / canvas.height);
      gl.uniform2f(at.tile, ((1 - 2 * inset) * atlas.tile) / width, ((1 - 2 * inset) * atlas.tile) / height);
      const { tint, rim } = colourOf(size / ratio);
      gl.uniform1f(at.tint, tint);
      gl.uniform1f(at.frame, (2 * rim * ratio) / size);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, number);
      ring(canvas, view, points, chosen, unit / ratio, size / ratio);
    },
    end: () => gl.getExtension("WEBGL_lose_context")?.loseContext(),
  };
}

function link(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(`The map cannot be drawn: ${gl.getProgramInfoLog(program)}`);
  return program;
}

/** A ring around the chosen picture, as an element over the canvas. */
function ring(canvas, view, points, chosen, unit, size) {
  let mark = canvas.parentElement?.querySelector(".map-ring");
  if (chosen < 0) { mark?.remove(); return; }
  if (!mark) {
    mark = document.createElement("span");
    mark.className = "map-ring";
    canvas.after(mark);
  }
  const x = canvas.clientWidth / 2 + (points[2 * chosen] - view.x) * unit;
  const y = canvas.clientHeight / 2 - (points[2 * chosen + 1] - view.y) * unit;
  mark.style.width = mark.style.height = `${size + 10}px`;
  mark.style.translate = `${x - size / 2 - 5}px ${y - size / 2 - 5}px`;
}

function byCanvas(canvas, atlas, images, loaded, sizeAt) {
  const context = canvas.getContext("2d");
  const sheets = [];
  images.forEach(async (coming, n) => {
    sheets[n] = await coming.catch(() => null);
    loaded();
  });
  let places = [];
  let resting = 0;
  let most = PLAIN_MOST;
  let [colours, mask, css] = [null, null, []];
  context.imageSmoothingQuality = "low";
  return {
    kind: "canvas",
    order(ids) { places = tiles(ids, atlas); },
    tone(given, marked) {
      [colours, mask] = [given, marked];
      css = given?.palette.map((rgb) => `rgb(${rgb.join()})`) ?? [];
    },
    resize: () => fit(canvas),
    draw(view, points, chosen) {
      clearTimeout(resting);
      const frame = document.timeline.currentTime;
      this.some(view, points, chosen, most);
      // As many as this machine draws in a frame.
      requestAnimationFrame((next) => { most = Math.min(PLAIN_MOST, Math.max(PLAIN_LEAST, most * (next - frame > SLOW ? 0.85 : 1.04))); });
      if (places.length > PLAIN_LEAST) resting = setTimeout(() => this.some(view, points, chosen, Infinity), REST);
    },
    some(view, points, chosen, most) {
      const unit = unitOf(view, canvas.width, canvas.height);
      const ratio = canvas.width / Math.max(canvas.clientWidth, 1);
      const size = sizeAt(view.zoom) * ratio;
      context.clearRect(0, 0, canvas.width, canvas.height);
      const seen = [];
      for (let i = 0; i < places.length; i += 1) {
        const x = canvas.width / 2 + (points[2 * i] - view.x) * unit;
        const y = canvas.height / 2 - (points[2 * i + 1] - view.y) * unit;
        if (x > -size && y > -size && x < canvas.width + size && y < canvas.height + size) seen.push([x, y, i]);
      }
      const share = most / seen.length;
      const { tint, rim: wide } = colourOf(size / ratio);
      const rim = wide * ratio;
      context.lineWidth = rim;
      for (const [x, y, i] of seen) {
        if (share < 1 && (i * GOLDEN) % 1 > share && i !== chosen) continue; // of fewer each was among the more
        const [column, row, n] = places[i];
        const colour = css[colours?.of[i]];
        const light = (mask && !mask[i] ? FAINT : 1) * (colours && colours.of[i] === colours.faint ? 1 - LESS * tint : 1);
        context.globalAlpha = light;
        if (sheets[n] && !(colour && tint === 1)) context.drawImage(sheets[n], column * atlas.tile, row * atlas.tile, atlas.tile, atlas.tile, x - size / 2, y - size / 2, size, size);
        if (!colour) continue;
        context.fillStyle = context.strokeStyle = colour;
        context.globalAlpha = light * tint;
        if (tint) context.fillRect(x - size / 2, y - size / 2, size, size);
        context.globalAlpha = light;
        if (rim) context.strokeRect(x - (size - rim) / 2, y - (size - rim) / 2, size - rim, size - rim);
      }
      context.globalAlpha = 1;
      ring(canvas, view, points, chosen, unit / ratio, size / ratio);
    },
    end: () => clearTimeout(resting),
  };
}
