/**
 * Uma aula para os testes do painel: um painel servido, um navegador e uma página aberta.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Corrida } from "../../exemplos/painel/corrida.ts";
import { type Servico, servir } from "../../exemplos/painel/servir.ts";
import { Fio, portasLivres } from "../apoio.ts";
import {
  acharNavegador,
  lancarNavegador,
  type Pagina,
  type ProcessoDeNavegador,
  type Vista,
} from "./navegador.ts";

const NAVEGADOR = await acharNavegador();

/** O navegador de todos os testes, a que cada um se liga. */
let processo: ProcessoDeNavegador | undefined;

/** Põe o navegador a andar antes do primeiro teste, e acaba com ele depois do último. */
export function usarNavegador(): void {
  if (NAVEGADOR === undefined) return;
  Deno.test.beforeAll(async () => {
    processo = await lancarNavegador(NAVEGADOR);
  });
  Deno.test.afterAll(async () => {
    await processo?.[Symbol.asyncDispose]();
  });
}

/** Mais depressa que numa aula, em milissegundos. */
const RITMO = { visivel: 80, tarde: 4_000 };

/** Quanto pode durar uma cena, em milissegundos, numa máquina carregada. */
export const CENA_MS = 60_000;

/** Um painel, um navegador e uma página aberta; tudo acaba com o teste. */
export interface Aula extends AsyncDisposable {
  readonly pagina: Pagina;
  readonly endereco: string;
  abrirOutra(vista?: Vista): Promise<Pagina>;
}

/** O que a página tem de já mostrar: os três em dia. */
export const EM_DIA = `document.querySelectorAll("#tabelas .cartao .estado").length === 3 &&
  [...document.querySelectorAll("#tabelas .estado")].every((no) => no.textContent.includes("em dia"))`;

/** Quantas linhas confirmadas há nas três tabelas. */
export const CONFIRMADAS = `document.querySelectorAll("#tabelas .confirmada").length`;

/** Que o cliente X espera por uma resposta. */
export const A_ESPERA =
  `document.querySelector("#clientes output").textContent.includes("à espera")`;

/** Daqui em diante os pedidos vão ao líder, e não a um sorteado. */
export function escolherS1(pagina: Pagina): Promise<void> {
  return pagina.clicar("[name=servidor][value=s1] + span");
}

/** Uma corrida de verdade, noutras portas que não as do enunciado. */
function iniciar(): Promise<Corrida> {
  return Corrida.iniciar(portasLivres(3), RITMO);
}

async function abrirAula(
  comecar: () => Promise<Servico & AsyncDisposable>,
  pronta: string,
): Promise<Aula> {
  await using pilha = new AsyncDisposableStack();
  const servico = pilha.use(await comecar());
  const { endereco } = pilha.use(servir(0, servico));
  const navegador = pilha.use(await processo!.ligar());
  const pagina = pilha.use(await navegador.abrir(endereco));
  await pagina.ate(pronta);
  const tudo = pilha.move();
  return {
    pagina,
    endereco,
    abrirOutra: async (vista) => tudo.use(await navegador.abrir(endereco, vista)),
    [Symbol.asyncDispose]: () => tudo.disposeAsync(),
  };
}

/** O que se mostra, se não é uma corrida acabada de começar, e como se sabe que a página o mostra. */
interface Mostra {
  readonly comecar: () => Promise<Servico & AsyncDisposable>;
  readonly pronta: string;
}

/** Um teste com um navegador; onde não há um, ignorado, e o nome di-lo. */
export function testar(
  nome: string,
  corpo: (aula: Aula) => Promise<void>,
  { comecar, pronta }: Mostra = { comecar: iniciar, pronta: EM_DIA },
): void {
  const motivo = NAVEGADOR === undefined ? " (ignorado: não há navegador nesta máquina)" : "";
  Deno.test({
    name: `painel: ${nome}${motivo}`,
    ignore: NAVEGADOR === undefined,
    async fn() {
      await using aula = await abrirAula(comecar, pronta);
      await corpo(aula);
      assertEquals(aula.pagina.erros, []);
    },
  });
}

/** As tabelas como a página as mostra: `key=value ts`, por servidor. */
export function tabelasDaPagina(pagina: Pagina): Promise<string[][]> {
  return pagina.avaliar(`[...document.querySelectorAll("#tabelas .cartao")].map((cartao) =>
    [...cartao.querySelectorAll("tbody tr")].map((linha) => {
      const [key, value, ts] = [...linha.cells].map((celula) => celula.textContent);
      return key + "=" + value + " " + ts;
    }).sort())`);
}

/** As tabelas como os servidores as dizem a quem lhes pergunta, das keys que a página mostra. */
export async function tabelasDosServidores(pagina: Pagina): Promise<string[][]> {
  const enderecos = await pagina.avaliar<string[]>(
    `[...document.querySelectorAll("#consoles h3")].map((no) => no.textContent.split(" · ")[1])`,
  );
  const mostradas = await tabelasDaPagina(pagina);
  return await Promise.all(enderecos.map(async (endereco, n) => {
    await using fio = await Fio.abrir(endereco);
    const linhas = [];
    for (const mostrada of mostradas[n]!) {
      const key = mostrada.split("=")[0]!;
      const { value, timestamp } = await fio.pedir({ tipo: "GET", id: 1, key, timestamp: 0 });
      linhas.push(`${key}=${value} ${timestamp}`);
    }
    return linhas;
  }));
}
