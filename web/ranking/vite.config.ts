import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses: the page works in whatever folder it is put.
  base: "./",
  build: {
    target: "es2022",
    emptyOutDir: true,
    // The map is read when somebody looks at it, never inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // The styles and the map of the reports are the page's too.
  server: { fs: { allow: ["../.."] } },
});
