import { assert, assertEquals } from "@std/assert";
import { jsonVisivel, visivel } from "../../lib/texto.ts";
import { texto, verificar } from "../apoio/propriedades.ts";

Deno.test("visivel() escapa o que forjaria uma linha ou mandaria no terminal, e só isso", async () => {
  assertEquals(visivel("a\nb\r\t\0\x1b[31m\x7f\x9b"), "a\\nb\\r\\t\\x00\\x1b[31m\\x7f\\x9b");
  assertEquals(visivel("\u2028\u202e"), "\\u2028\\u202e");
  assertEquals(visivel('olá "mundo" 😀👩‍👩‍👧 \\ C:\\n'), 'olá "mundo" 😀👩‍👩‍👧 \\ C:\\n');
  await verificar(texto, (qualquer) => {
    assert(!/[\p{Cc}\u2028\u2029]/u.test(visivel(qualquer)));
    assert(!/[\p{Cc}\u2028\u2029]/u.test(jsonVisivel({ qualquer })));
    assertEquals(JSON.parse(jsonVisivel({ qualquer })), { qualquer });
  });
});
