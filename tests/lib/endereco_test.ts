import { assertEquals, assertThrows } from "@std/assert";
import { lerEndereco, lerIp, lerPorta, textoDoEndereco } from "../../lib/endereco.ts";

Deno.test("lerIp(), lerPorta() e lerEndereco() aceitam e normalizam o que é válido", () => {
  assertEquals(lerIp(" 127.0.0.1 "), "127.0.0.1");
  assertEquals(lerIp("localhost"), "127.0.0.1");
  assertEquals(lerIp("::1"), "::1");
  assertEquals(lerIp("[::1]"), "::1");
  assertEquals(lerIp("2001:DB8:0::1"), "2001:db8::1");
  assertEquals(lerPorta(" 65535 "), 65535);
  assertEquals(lerEndereco("10.0.0.2:1"), { ip: "10.0.0.2", porta: 1 });
  assertEquals(textoDoEndereco(lerEndereco("[::1]:10097")), "[::1]:10097");
});

Deno.test("lerIp(), lerPorta() e lerEndereco() dizem o que há de errado", () => {
  for (
    const ip of ["", "abc", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4", "1:2", "::g", "a:b"]
  ) {
    assertThrows(() => lerIp(ip), TypeError, "IP inválido");
  }
  for (const porta of ["", "0", "65536", "-1", "1.5", "abc", "10 097", "0x50", "123456"]) {
    assertThrows(() => lerPorta(porta), RangeError, "Porta inválida");
  }
  for (const endereco of ["", "127.0.0.1", "::1:80", "1.2.3.4:5:6"]) {
    assertThrows(() => lerEndereco(endereco), TypeError, "Endereço inválido");
  }
});

Deno.test("lerEndereco() recusa logo um texto enorme, que levaria minutos a examinar", () => {
  for (const texto of [" ", ":", "[", "1.", "::"]) {
    assertThrows(() => lerEndereco(texto.repeat(500_000)), TypeError, "Endereço inválido");
  }
});
