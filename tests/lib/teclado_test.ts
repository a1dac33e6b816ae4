import { assertEquals } from "@std/assert";
import { inteiroEntre } from "../../lib/opcoes.ts";
import { FIM_DO_TECLADO, perguntarAte, type Teclado } from "../../lib/teclado.ts";
import type { Tela } from "../../lib/tela.ts";

/** Um teclado onde já se digitou tudo, e uma tela que guarda o que se mostrou. */
function consoleCom(...digitadas: string[]) {
  const perguntas: string[] = [];
  const erros: string[] = [];
  const teclado: Teclado = {
    perguntar(texto) {
      perguntas.push(texto);
      const linha = digitadas.shift();
      return linha === undefined ? Promise.reject(FIM_DO_TECLADO) : Promise.resolve(linha);
    },
    fechar() {},
  };
  const tela: Tela = {
    linha() {},
    erro: (texto) => erros.push(texto),
    aviso() {},
    despedir: () => Promise.resolve(),
    esvaziar: () => Promise.resolve(),
  };
  const perguntar = () => perguntarAte(teclado, tela, "Porta", "80", inteiroEntre(1, 99));
  return { perguntar, perguntas, erros };
}

Deno.test("perguntarAte() pergunta de novo até a resposta servir, e diz por que não serviu", async () => {
  const { perguntar, perguntas, erros } = consoleCom("abc", "100", "42", "7");
  assertEquals(await perguntar(), 42);
  assertEquals(perguntas, ["Porta [80]: ", "Porta [80]: ", "Porta [80]: "]);
  assertEquals(erros, [
    'ERRO: deve ser um inteiro de 1 a 99: "abc"',
    'ERRO: deve ser um inteiro de 1 a 99: "100"',
  ]);
});

Deno.test("perguntarAte(): uma resposta vazia, ou só de espaços, é o padrão", async () => {
  for (const vazia of ["", "  \t"]) assertEquals(await consoleCom(vazia).perguntar(), 80);
});

Deno.test("perguntarAte() passa adiante o fim da entrada", async () => {
  const { perguntar, erros } = consoleCom("abc");
  const fim = await perguntar().catch((erro) => erro);
  assertEquals([fim, erros.length], [FIM_DO_TECLADO, 1]);
});
